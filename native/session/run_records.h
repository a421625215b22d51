#pragma once

#include <cstddef>
#include <cstdint>
#include <new>
#include <optional>
#include <unordered_map>

#include "core/run_statistics.h"

namespace onlite {

/// What was measured of one run. Times in nanoseconds, -1 for what was not measured.
struct RunRecord {
  RunPhases phases{.queue_ns = -1, .bind_ns = -1, .invoke_ns = -1, .fetch_ns = -1, .total_ns = -1};
  /// The rows of the batch that the run was a part of; 0 without batching.
  size_t batch_rows = 0;
};

/// The records of single runs, for who watches them as they end (lib/engine/run/run-channel.ts);
/// the histograms have them in any case. JS thread only. Keeps nothing unless told to,
/// and then each record until it is taken: one for each id at most.
class RunRecords {
 public:
  /// The id of synchronous runs, of which the last one is kept.
  static constexpr uint32_t kSynchronous = UINT32_MAX;

  bool kept() const { return kept_; }
  /// Forgets all records when it is off.
  void SetKept(bool kept) {
    kept_ = kept;
    if (!kept) records_.clear();
  }

  /// Without memory for it the record is not kept.
  void Keep(uint32_t id, const RunRecord& record) noexcept {
    try {
      records_.insert_or_assign(id, record);
    } catch (const std::bad_alloc&) {
      // The histograms have the run all the same.
    }
  }
  std::optional<RunRecord> Take(uint32_t id) {
    const auto found = records_.find(id);
    if (found == records_.end()) return std::nullopt;
    const RunRecord record = found->second;
    records_.erase(found);
    return record;
  }

 private:
  bool kept_ = false;
  std::unordered_map<uint32_t, RunRecord> records_;
};

}  // namespace onlite
