#pragma once

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>

#include "core/histogram_layout.h"
#include "core/histogram_snapshot.h"

namespace onlite {

/// A log-linear (HDR) histogram of fixed memory: 37 kB in the default layout.
///
/// `Record` is lock-free, allocates nothing and may be called from any thread.
/// The other methods may too, beside records and each other; they take a lock
/// among themselves.
///
/// An interval is the difference of two readings of counters that only grow. So
/// each sample is in exactly one interval, whatever is recorded meanwhile, and a
/// record is one addition to one counter: there are no two halves to swap, which
/// would need an entry and an exit of every writer to be told apart. The reading
/// is not of one instant: of two samples that are recorded meanwhile the later
/// may be in the earlier interval.
class Histogram {
 public:
  explicit Histogram(const HistogramLayout& layout = HistogramLayout::Latency());

  const HistogramLayout& layout() const { return layout_; }

  /// A value above the layout's highest counts as the highest.
  void Record(uint64_t value) {
    value = std::min(value, layout_.highest());
    counts_[layout_.IndexOf(value)].fetch_add(1, std::memory_order_relaxed);
    Widen(value, value);
  }

  /// Counts another histogram's samples too, at the middle of their counters
  /// unless the layouts are the same.
  void Add(const HistogramSnapshot& samples);

  /// Everything since the last Reset.
  HistogramSnapshot Snapshot() const;

  /// Everything since the last TakeInterval or Reset. Takes memory for the
  /// counters in use.
  HistogramSnapshot TakeInterval();

  /// A sample that is recorded meanwhile is either forgotten or kept.
  void Reset();

  /// The memory this takes now.
  size_t bytes() const;

 private:
  struct Extremes {
    uint64_t min = UINT64_MAX;
    uint64_t max = 0;
  };

  // Both seldom change, so that writers share the line without contention.
  void Widen(uint64_t min, uint64_t max) {
    uint64_t seen = max_.load(std::memory_order_relaxed);
    while (max > seen && !max_.compare_exchange_weak(seen, max, std::memory_order_relaxed)) {
    }
    seen = min_.load(std::memory_order_relaxed);
    while (min < seen && !min_.compare_exchange_weak(seen, min, std::memory_order_relaxed)) {
    }
  }

  // mutex_ must be held.
  HistogramSnapshot Read(const Extremes& extremes) const;

  const HistogramLayout layout_;
  const std::unique_ptr<std::atomic<uint64_t>[]> counts_;
  // Of the interval under way.
  std::atomic<uint64_t> min_{UINT64_MAX};
  std::atomic<uint64_t> max_{0};

  mutable std::mutex mutex_;
  Extremes earlier_;             // of the intervals since Reset that were taken
  HistogramSnapshot last_read_;  // the counts when the last interval was taken
};

}  // namespace onlite
