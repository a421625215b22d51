#include "core/histogram.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace onlite {

static_assert((uint64_t{Histogram::kSubBuckets} << (Histogram::kBuckets - 1)) >
              Histogram::kHighest);

size_t Histogram::IndexOf(uint64_t value) {
  const auto significant = static_cast<unsigned>(std::bit_width(value | (kSubBuckets - 1)));
  const unsigned bucket = significant - kSubBucketBits;
  const auto sub_bucket = static_cast<size_t>(value >> bucket);
  return (size_t{bucket} + 1) * kSubBucketHalf + sub_bucket - kSubBucketHalf;
}

uint64_t Histogram::LowestAt(size_t index) {
  if (index < kSubBuckets) return index;
  const size_t bucket = index / kSubBucketHalf - 1;
  const size_t sub_bucket = index % kSubBucketHalf + kSubBucketHalf;
  return static_cast<uint64_t>(sub_bucket) << bucket;
}

uint64_t Histogram::HighestAt(size_t index) { return LowestAt(index + 1) - 1; }

void Histogram::Record(uint64_t value) {
  value = std::min(value, kHighest);
  counts_[IndexOf(value)].fetch_add(1, std::memory_order_relaxed);
  uint64_t seen = max_.load(std::memory_order_relaxed);
  while (value > seen && !max_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
  seen = min_.load(std::memory_order_relaxed);
  while (value < seen && !min_.compare_exchange_weak(seen, value, std::memory_order_relaxed)) {
  }
}

HistogramSnapshot Histogram::Snapshot() const {
  HistogramSnapshot snapshot;
  snapshot.counts_.resize(kCounts);
  for (size_t index = 0; index < kCounts; ++index) {
    const uint64_t count = counts_[index].load(std::memory_order_relaxed);
    snapshot.counts_[index] = count;
    snapshot.count_ += count;
  }
  snapshot.min_ = min_.load(std::memory_order_relaxed);
  snapshot.max_ = max_.load(std::memory_order_relaxed);
  return snapshot;
}

void Histogram::Reset() {
  for (auto& count : counts_) count.store(0, std::memory_order_relaxed);
  min_.store(UINT64_MAX, std::memory_order_relaxed);
  max_.store(0, std::memory_order_relaxed);
}

namespace {

double Middle(size_t index) {
  const auto lowest = static_cast<double>(Histogram::LowestAt(index));
  const auto highest = static_cast<double>(Histogram::HighestAt(index));
  return (lowest + highest) / 2;
}

}  // namespace

double HistogramSnapshot::mean() const {
  if (count_ == 0) return 0;
  double sum = 0;
  for (size_t index = 0; index < counts_.size(); ++index) {
    if (counts_[index] != 0) sum += Middle(index) * static_cast<double>(counts_[index]);
  }
  return sum / static_cast<double>(count_);
}

double HistogramSnapshot::stddev() const {
  if (count_ == 0) return 0;
  const double center = mean();
  double sum = 0;
  for (size_t index = 0; index < counts_.size(); ++index) {
    if (counts_[index] == 0) continue;
    const double distance = Middle(index) - center;
    sum += distance * distance * static_cast<double>(counts_[index]);
  }
  return std::sqrt(sum / static_cast<double>(count_));
}

uint64_t HistogramSnapshot::Percentile(double percentile) const {
  if (count_ == 0) return 0;
  // Divided last: 0.55 * 100 is more than 55.
  const double rank = std::clamp(percentile, 0.0, 100.0) * static_cast<double>(count_) / 100.0;
  const auto wanted = std::max<uint64_t>(1, static_cast<uint64_t>(std::ceil(rank)));
  uint64_t seen = 0;
  for (size_t index = 0; index < counts_.size(); ++index) {
    seen += counts_[index];
    // Not std::clamp: a snapshot beside a first record may see a minimum above the maximum.
    if (seen >= wanted) return std::max(min(), std::min(Histogram::HighestAt(index), max()));
  }
  return max_;
}

}  // namespace onlite
