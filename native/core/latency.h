#pragma once

#include <array>
#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string_view>

#include "core/histogram.h"

namespace onlite {

/// Nanoseconds of the monotonic clock.
inline int64_t MonotonicNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

/// The parts of a run, in order; `kTotal` is from the call to the result.
enum class Phase : uint8_t { kQueue, kBind, kInvoke, kFetch, kTotal };
inline constexpr std::array<std::string_view, 5> kPhaseNames = {"queue", "bind", "invoke", "fetch",
                                                                "total"};

/// A session's histograms, one a phase. Takes no memory before the first
/// record. Thread-safe.
class LatencyRecorder {
 public:
  LatencyRecorder() = default;
  LatencyRecorder(const LatencyRecorder&) = delete;
  LatencyRecorder& operator=(const LatencyRecorder&) = delete;
  ~LatencyRecorder() { delete histograms_.load(); }

  void Record(Phase phase, int64_t nanoseconds) {
    Histograms* histograms = histograms_.load(std::memory_order_acquire);
    if (histograms == nullptr) histograms = Allocate();
    (*histograms)[static_cast<size_t>(phase)].Record(
        nanoseconds < 0 ? 0 : static_cast<uint64_t>(nanoseconds));
  }

  HistogramSnapshot Snapshot(Phase phase) const {
    const Histograms* histograms = histograms_.load(std::memory_order_acquire);
    if (histograms == nullptr) return {};
    return (*histograms)[static_cast<size_t>(phase)].Snapshot();
  }

  void Reset() {
    Histograms* histograms = histograms_.load(std::memory_order_acquire);
    if (histograms == nullptr) return;
    for (Histogram& histogram : *histograms) histogram.Reset();
  }

 private:
  using Histograms = std::array<Histogram, kPhaseNames.size()>;

  Histograms* Allocate() {
    auto fresh = std::make_unique<Histograms>();
    Histograms* expected = nullptr;
    if (histograms_.compare_exchange_strong(expected, fresh.get(), std::memory_order_acq_rel)) {
      return fresh.release();
    }
    return expected;
  }

  std::atomic<Histograms*> histograms_{nullptr};
};

}  // namespace onlite
