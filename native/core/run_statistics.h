#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>
#include <vector>

#include "core/histogram.h"
#include "core/status.h"

namespace onlite {

/// The parts of a run, in order; `kTotal` is from the call to the result.
enum class Phase : uint8_t { kQueue, kBind, kInvoke, kFetch, kTotal };
inline constexpr std::array<std::string_view, 5> kPhaseNames = {"queue", "bind", "invoke", "fetch",
                                                                "total"};

/// How long the phases of one asynchronous run took, in nanoseconds.
struct RunPhases {
  int64_t queue_ns = 0;
  int64_t bind_ns = 0;
  int64_t invoke_ns = 0;
  int64_t fetch_ns = 0;
  int64_t total_ns = 0;
};

/// What became of a session's runs: the phases of those that succeeded, the
/// total of those that failed by error code, how many the queue turned away.
///
/// Thread-safe; recording takes no lock. Takes no memory of its own before the
/// first record, 185 kB with the first success and 37 kB with the first failure
/// of a code; intervals take the counters in use once more. Where there is no
/// memory nothing is recorded.
class RunStatistics {
 public:
  static constexpr size_t kErrorCodes = static_cast<size_t>(ErrorCode::kRunFailed) + 1;

  RunStatistics() = default;
  RunStatistics(const RunStatistics&) = delete;
  RunStatistics& operator=(const RunStatistics&) = delete;
  ~RunStatistics();

  /// An asynchronous run that succeeded. A negative time, as of a broken clock, counts as 0.
  void RecordSuccess(const RunPhases& phases);
  /// A synchronous run that succeeded.
  void RecordSynchronous(int64_t invoke_ns, int64_t total_ns);
  /// A run that was accepted and came to an error, cancelled and timed out ones
  /// too; `total_ns` from the call to the error. Not for kOk.
  void RecordFailure(ErrorCode code, int64_t total_ns);
  /// A run that was refused because the queue was full; it has no duration.
  void RecordRejected() { rejected_.fetch_add(1, std::memory_order_relaxed); }

  /// Since the last Reset.
  HistogramSnapshot Snapshot(Phase phase) const;
  HistogramSnapshot Failures(ErrorCode code) const;
  uint64_t rejected() const;
  /// The codes that a run has failed with, in the order of ErrorCode.
  std::vector<ErrorCode> FailureCodes() const;

  /// Since the last one of the same kind, or the last Reset.
  HistogramSnapshot TakeInterval(Phase phase);
  HistogramSnapshot TakeFailuresInterval(ErrorCode code);
  uint64_t TakeRejectedInterval();

  void Reset();
  void Reset(Phase phase);
  void ResetFailures(ErrorCode code);

  /// The memory this takes now.
  size_t bytes() const;

 private:
  using PhaseHistograms = std::array<Histogram, kPhaseNames.size()>;

  Histogram* Find(Phase phase) const;
  Histogram* Find(ErrorCode code) const;

  // Each is made with its first record and lives as long as this.
  std::atomic<PhaseHistograms*> phases_{nullptr};
  std::array<std::atomic<Histogram*>, kErrorCodes> failures_{};
  std::atomic<uint64_t> rejected_{0};           // ever
  std::atomic<uint64_t> rejected_reset_{0};     // until the last Reset
  std::atomic<uint64_t> rejected_interval_{0};  // until the last interval
};

}  // namespace onlite
