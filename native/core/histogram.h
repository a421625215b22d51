#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

namespace onlite {

/// A copy of a histogram's counts at one moment, to compute from.
/// Values are nanoseconds by convention; the class does not care.
class HistogramSnapshot {
 public:
  uint64_t count() const { return count_; }
  uint64_t min() const { return count_ == 0 ? 0 : min_; }
  uint64_t max() const { return max_; }
  double mean() const;
  double stddev() const;
  /// The smallest recorded value (to the histogram's precision) that at least
  /// `percentile` percent of the samples do not exceed. 0 when empty.
  uint64_t Percentile(double percentile) const;

 private:
  friend class Histogram;

  std::vector<uint64_t> counts_;
  uint64_t count_ = 0;
  uint64_t min_ = 0;
  uint64_t max_ = 0;
};

/// A log-linear (HDR) histogram of 2 significant decimal digits over 1 to
/// 3.6e12 (1 ns to 1 h); larger values count as the largest. Bucket layout as
/// HdrHistogram's for lowestDiscernibleValue 1 and 2 digits: 256 sub-buckets,
/// doubling (Gil Tene, HdrHistogram). Fixed memory of about 37 kB.
///
/// `Record` is lock-free, allocates nothing and may be called from any thread.
class Histogram {
 public:
  static constexpr unsigned kSubBucketBits = 8;
  static constexpr unsigned kSubBuckets = 1U << kSubBucketBits;
  static constexpr unsigned kSubBucketHalf = kSubBuckets / 2;
  static constexpr uint64_t kHighest = 3'600'000'000'000ULL;
  static constexpr unsigned kBuckets = 35;  // 256 << 34 > kHighest
  static constexpr size_t kCounts = size_t{kBuckets + 1} * kSubBucketHalf;

  void Record(uint64_t value);
  HistogramSnapshot Snapshot() const;
  void Reset();

  static size_t IndexOf(uint64_t value);
  /// The smallest and largest value that share `index`.
  static uint64_t LowestAt(size_t index);
  static uint64_t HighestAt(size_t index);

 private:
  std::array<std::atomic<uint64_t>, kCounts> counts_{};
  std::atomic<uint64_t> min_{UINT64_MAX};
  std::atomic<uint64_t> max_{0};
};

}  // namespace onlite
