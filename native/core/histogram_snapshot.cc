#include "core/histogram_snapshot.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <numeric>
#include <utility>

namespace onlite {

HistogramSnapshot::HistogramSnapshot(const HistogramLayout& layout, size_t first,
                                     std::vector<uint64_t> counts, uint64_t min, uint64_t max)
    : layout_(layout), first_(first), counts_(std::move(counts)) {
  const auto used = [](uint64_t count) { return count != 0; };
  const auto begin = std::find_if(counts_.begin(), counts_.end(), used);
  if (begin == counts_.end()) {
    counts_.clear();
    first_ = 0;
    return;
  }
  const auto end = std::find_if(counts_.rbegin(), counts_.rend(), used).base();
  counts_.erase(end, counts_.end());
  first_ += static_cast<size_t>(begin - counts_.begin());
  counts_.erase(counts_.begin(), begin);
  count_ = std::accumulate(counts_.begin(), counts_.end(), uint64_t{0});

  // The extremes are recorded after the counts, so a reader may be given old ones.
  const size_t last = first_ + counts_.size() - 1;
  const bool is_min = min >= layout_.LowestAt(first_) && min <= layout_.HighestAt(first_);
  const bool is_max = max >= layout_.LowestAt(last) && max <= layout_.HighestAt(last);
  min_ = is_min ? min : layout_.LowestAt(first_);
  max_ = is_max ? max : layout_.HighestAt(last);
  if (min_ > max_) min_ = max_;
}

HistogramSnapshot HistogramSnapshot::Since(const HistogramSnapshot& earlier, uint64_t min,
                                           uint64_t max) const {
  std::vector<uint64_t> counts = counts_;
  for (size_t offset = 0; offset < earlier.counts_.size(); ++offset) {
    // Counters only grow, but for those that ran over; these must cost no more than their counts.
    const size_t index = earlier.first_ + offset;
    if (index < first_ || index - first_ >= counts.size()) continue;
    counts[index - first_] -= earlier.counts_[offset];
  }
  return {layout_, first_, std::move(counts), min, max};
}

double HistogramSnapshot::mean() const {
  if (count_ == 0) return 0;
  double sum = 0;
  for (size_t index = 0; index < counts_.size(); ++index) {
    if (counts_[index] == 0) continue;
    sum += layout_.MiddleAt(first_ + index) * static_cast<double>(counts_[index]);
  }
  const double mean = sum / static_cast<double>(count_);
  return std::clamp(mean, static_cast<double>(min_), static_cast<double>(max_));
}

double HistogramSnapshot::stddev() const {
  if (counts_.size() < 2) return 0;
  const double center = mean();
  double sum = 0;
  for (size_t index = 0; index < counts_.size(); ++index) {
    if (counts_[index] == 0) continue;
    const double distance = layout_.MiddleAt(first_ + index) - center;
    sum += distance * distance * static_cast<double>(counts_[index]);
  }
  return std::sqrt(sum / static_cast<double>(count_));
}

uint64_t HistogramSnapshot::ValueAtRank(uint64_t rank) const {
  if (rank <= 1 || count_ == 0) return min_;
  if (rank >= count_) return max_;
  uint64_t seen = 0;
  for (size_t index = 0; index < counts_.size(); ++index) {
    seen += counts_[index];
    if (seen >= rank) return std::clamp(layout_.HighestAt(first_ + index), min_, max_);
  }
  return max_;
}

uint64_t HistogramSnapshot::Percentile(double percentile) const {
  // Divided last, and a little less, because 0.55 * 100 is more than 55 and a
  // whole rank must not become the next.
  constexpr double kWhole = 1 - 4 * std::numeric_limits<double>::epsilon();
  const double rank =
      std::clamp(percentile, 0.0, 100.0) * static_cast<double>(count_) / 100 * kWhole;
  return ValueAtRank(static_cast<uint64_t>(std::ceil(rank)));
}

uint64_t HistogramSnapshot::CountBetween(uint64_t lowest, uint64_t highest) const {
  if (counts_.empty() || lowest > highest) return 0;
  const size_t last = first_ + counts_.size() - 1;
  if (lowest > layout_.HighestAt(last) || highest < layout_.LowestAt(first_)) return 0;
  const size_t from = std::max(layout_.IndexOf(lowest), first_);
  const size_t to = std::min(layout_.IndexOf(std::min(highest, layout_.HighestAt(last))), last);
  uint64_t count = 0;
  for (size_t index = from; index <= to; ++index) count += counts_[index - first_];
  return count;
}

}  // namespace onlite
