#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <random>
#include <vector>

#include "core/histogram_layout.h"

namespace onlite {
namespace {

HistogramLayout Layout(int digits, uint64_t lowest, uint64_t highest) {
  HistogramLayout layout = HistogramLayout::Latency();
  const Status status = HistogramLayout::Make(digits, lowest, highest, &layout);
  EXPECT_TRUE(status.ok()) << status.message();
  return layout;
}

std::vector<HistogramLayout> Layouts() {
  return {HistogramLayout::Latency(),
          Layout(1, 1, 3'600'000'000'000),
          Layout(3, 1, 3'600'000'000'000),
          Layout(2, 1, 2),
          Layout(3, 1, INT64_MAX),
          Layout(0, 1, 1000),
          Layout(2, 1000, 3'600'000'000'000),
          Layout(5, 1, 1'000'000'000),
          Layout(3, uint64_t{1} << 40, INT64_MAX)};
}

TEST(HistogramLayout, ACounterHoldsTheValuesBetweenItsEnds) {
  for (const HistogramLayout& layout : Layouts()) {
    uint64_t next = 0;
    for (size_t index = 0; index < layout.counts(); ++index) {
      const uint64_t lowest = layout.LowestAt(index);
      const uint64_t highest = layout.HighestAt(index);
      ASSERT_EQ(lowest, next) << "no gap and no overlap before index " << index;
      ASSERT_GE(highest, lowest);
      ASSERT_EQ(layout.IndexOf(lowest), index);
      ASSERT_EQ(layout.IndexOf(highest), index);
      next = highest + 1;
    }
    EXPECT_GT(next, layout.highest());
  }
}

TEST(HistogramLayout, ACounterIsNoWiderThanItsDigitsAllow) {
  for (const HistogramLayout& layout : Layouts()) {
    double allowed = 1;
    for (int digit = 0; digit < layout.digits(); ++digit) allowed /= 10;
    const auto unit = static_cast<double>(layout.lowest());
    for (size_t index = 1; index < layout.counts(); ++index) {
      const auto lowest = static_cast<double>(layout.LowestAt(index));
      const auto highest = static_cast<double>(layout.HighestAt(index));
      ASSERT_LE(highest - lowest, std::max(unit, lowest * allowed)) << "index " << index;
    }
  }
}

TEST(HistogramLayout, FindsTheCounterOfValuesOfEveryMagnitude) {
  std::mt19937_64 random(1);
  for (const HistogramLayout& layout : Layouts()) {
    for (int bits = 0; bits < 63; ++bits) {
      for (int round = 0; round < 50; ++round) {
        const uint64_t magnitude = uint64_t{1} << bits;
        const uint64_t value = std::min(layout.highest(), magnitude | (random() & (magnitude - 1)));
        const size_t index = layout.IndexOf(value);
        ASSERT_LT(index, layout.counts());
        ASSERT_LE(layout.LowestAt(index), value);
        ASSERT_GE(layout.HighestAt(index), value);
      }
    }
  }
}

TEST(HistogramLayout, RefusesWhatItCannotHold) {
  struct Wrong {
    int digits;
    uint64_t lowest;
    uint64_t highest;
  };
  constexpr Wrong kWrong[] = {
      {-1, 1, 1000},       {6, 1, 1000},
      {2, 0, 1000},        {2, 1, 1},
      {2, 1, UINT64_MAX},  {2, 600, 1000},
      {2, UINT64_MAX, 10}, {2, (uint64_t{1} << 40) + 1, INT64_MAX},
      {5, 1, INT64_MAX},
  };
  for (const Wrong& wrong : kWrong) {
    HistogramLayout layout = HistogramLayout::Latency();
    const Status status = HistogramLayout::Make(wrong.digits, wrong.lowest, wrong.highest, &layout);
    EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument)
        << wrong.digits << ", " << wrong.lowest << ", " << wrong.highest;
    EXPECT_EQ(layout, HistogramLayout::Latency()) << "left alone";
  }
}

}  // namespace
}  // namespace onlite
