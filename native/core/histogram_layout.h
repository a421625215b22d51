#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>

#include "core/status.h"

namespace onlite {

/// How an HDR histogram divides its values into buckets: linearly within a power
/// of two, so finely that a bucket is no wider than its values' last significant
/// digit (Gil Tene, HdrHistogram; the division is the same, so that counts may be
/// exchanged with any implementation of it). A small value type.
class HistogramLayout {
 public:
  /// The most counters a layout may have: 32 MiB of them.
  static constexpr size_t kMaxCounts = size_t{1} << 22;

  /// 2 significant digits over 1 ns to 1 h: every session's.
  static constexpr HistogramLayout Latency() { return {2, 1, 3'600'000'000'000U}; }

  /// `digits` 0 to 5, 1 ≤ `lowest`, 2 `lowest` ≤ `highest` < 2^63: values below `lowest` are not
  /// told from 0. kInvalidArgument for others and beyond kMaxCounts.
  static Status Make(int digits, uint64_t lowest, uint64_t highest, HistogramLayout* layout);

  constexpr int digits() const { return digits_; }
  constexpr uint64_t lowest() const { return lowest_; }
  constexpr uint64_t highest() const { return highest_; }

  /// How many counters there are.
  constexpr size_t counts() const { return (size_t{buckets_} + 1) << half_bits_; }

  /// The counter of a value ≤ HighestAt(counts() - 1).
  constexpr size_t IndexOf(uint64_t value) const {
    const auto significant = static_cast<unsigned>(std::bit_width(value | mask_));
    const unsigned bucket = significant - base_bits_;
    return (size_t{bucket} << half_bits_) + static_cast<size_t>(value >> (bucket + unit_bits_));
  }

  /// The smallest and largest value of a counter.
  constexpr uint64_t LowestAt(size_t index) const {
    const unsigned bucket = BucketAt(index);
    return (index - (uint64_t{bucket} << half_bits_)) << (bucket + unit_bits_);
  }
  constexpr uint64_t HighestAt(size_t index) const {
    return LowestAt(index) + (uint64_t{1} << (BucketAt(index) + unit_bits_)) - 1;
  }
  constexpr double MiddleAt(size_t index) const {
    const auto lowest = static_cast<double>(LowestAt(index));
    return lowest + (static_cast<double>(HighestAt(index)) - lowest) / 2;
  }

  friend constexpr bool operator==(const HistogramLayout&, const HistogramLayout&) = default;

 private:
  constexpr HistogramLayout(int digits, uint64_t lowest, uint64_t highest)
      : highest_(highest),
        lowest_(lowest),
        unit_bits_(static_cast<unsigned>(std::bit_width(lowest)) - 1),
        digits_(digits) {
    uint64_t single_unit_values = 2;  // that far each value has a counter of its own
    for (int digit = 0; digit < digits; ++digit) single_unit_values *= 10;
    const auto sub_bucket_bits = static_cast<unsigned>(std::bit_width(single_unit_values - 1));
    half_bits_ = sub_bucket_bits - 1;
    base_bits_ = sub_bucket_bits + unit_bits_;
    mask_ = (uint64_t{1} << base_bits_) - 1;
    buckets_ = static_cast<unsigned>(std::bit_width(highest | mask_)) - base_bits_ + 1;
  }

  constexpr unsigned BucketAt(size_t index) const {
    const size_t half = index >> half_bits_;
    return half < 2 ? 0 : static_cast<unsigned>(half - 1);
  }

  uint64_t highest_;
  uint64_t lowest_;
  uint64_t mask_ = 0;  // the values of the first bucket
  unsigned unit_bits_;
  unsigned half_bits_ = 0;  // of half the counters in a bucket
  unsigned base_bits_ = 0;  // of a value in the first bucket
  unsigned buckets_ = 0;
  int digits_;
};

static_assert(HistogramLayout::Latency().counts() == 4608);

}  // namespace onlite
