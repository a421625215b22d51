#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/histogram_layout.h"

namespace onlite {

/// A histogram's counts at one moment, to compute from. Takes memory for the
/// counters from the first to the last that is not zero. Values are nanoseconds
/// by convention; the class does not care.
///
/// Wherever a value is looked up or given, all values of one counter are equal.
class HistogramSnapshot {
 public:
  /// Without samples.
  explicit HistogramSnapshot(const HistogramLayout& layout = HistogramLayout::Latency())
      : layout_(layout) {}

  /// `counts` are those of the counters from `first` on, which the layout must
  /// have. `min` and `max` are believed as far as the counts allow.
  HistogramSnapshot(const HistogramLayout& layout, size_t first, std::vector<uint64_t> counts,
                    uint64_t min = UINT64_MAX, uint64_t max = 0);

  const HistogramLayout& layout() const { return layout_; }
  uint64_t count() const { return count_; }
  /// 0 when empty, as every statistic.
  uint64_t min() const { return min_; }
  uint64_t max() const { return max_; }
  double mean() const;
  /// Of the population.
  double stddev() const;

  /// The value of the sample that is the `rank`-th from below, 1 to count().
  uint64_t ValueAtRank(uint64_t rank) const;
  /// The smallest value that at least `percentile` percent of the samples do not
  /// exceed; 0 is the smallest sample, 100 the largest.
  uint64_t Percentile(double percentile) const;

  /// Samples from `lowest` to `highest`, both counted.
  uint64_t CountBetween(uint64_t lowest, uint64_t highest) const;
  uint64_t CountAtOrBelow(uint64_t value) const { return CountBetween(0, value); }

  /// The counters from the first to the last that is not zero; first() is the
  /// index of the first.
  size_t first() const { return first_; }
  const std::vector<uint64_t>& counts() const { return counts_; }

  /// What was counted after `earlier`, a snapshot of the same histogram. `min`
  /// and `max` as for the constructor.
  HistogramSnapshot Since(const HistogramSnapshot& earlier, uint64_t min, uint64_t max) const;

 private:
  HistogramLayout layout_;
  size_t first_ = 0;
  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t min_ = 0;
  uint64_t max_ = 0;
};

}  // namespace onlite
