#include <gtest/gtest.h>

#include <cstdint>

#include "core/histogram.h"

namespace onlite {
namespace {

constexpr uint64_t kHighest = HistogramLayout::Latency().highest();

TEST(Histogram, EmptyIsAllZeros) {
  const Histogram histogram;
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.count(), 0U);
  EXPECT_EQ(snapshot.min(), 0U);
  EXPECT_EQ(snapshot.max(), 0U);
  EXPECT_EQ(snapshot.mean(), 0);
  EXPECT_EQ(snapshot.stddev(), 0);
  for (const double percentile : {0.0, 50.0, 100.0}) EXPECT_EQ(snapshot.Percentile(percentile), 0U);
}

TEST(Histogram, KeepsSmallestAndLargestExactly) {
  Histogram histogram;
  for (const uint64_t value : {123'456'789ULL, 1'000'003ULL, 77'777'777ULL})
    histogram.Record(value);
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.count(), 3U);
  EXPECT_EQ(snapshot.min(), 1'000'003U);
  EXPECT_EQ(snapshot.max(), 123'456'789U);
  EXPECT_EQ(snapshot.Percentile(100), 123'456'789U);
}

TEST(Histogram, CountsWhatIsTooLargeAsTheLargest) {
  Histogram histogram;
  histogram.Record(UINT64_MAX);
  histogram.Record(kHighest + 1);
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.count(), 2U);
  EXPECT_EQ(snapshot.max(), kHighest);
  EXPECT_EQ(snapshot.Percentile(50), kHighest);
}

// 0.55 * 100 is 55.000000000000007 in binary: the rank must not become 56.
TEST(Histogram, ARankThatIsWholeIsNotRoundedUp) {
  for (int percentile = 1; percentile < 100; ++percentile) {
    Histogram histogram;
    for (int sample = 0; sample < 100; ++sample) histogram.Record(sample < percentile ? 1 : 1000);
    EXPECT_EQ(histogram.Snapshot().Percentile(percentile), 1U) << percentile;
  }
}

TEST(Histogram, TakesPercentilesOutsideTheRangeAsItsEnds) {
  Histogram histogram;
  histogram.Record(5);
  histogram.Record(100);
  EXPECT_EQ(histogram.Snapshot().Percentile(-1), 5U);
  EXPECT_EQ(histogram.Snapshot().Percentile(1000), 100U);
}

TEST(Histogram, ForgetsOnReset) {
  Histogram histogram;
  histogram.Record(5);
  histogram.Reset();
  EXPECT_EQ(histogram.Snapshot().count(), 0U);
  histogram.Record(7);
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.count(), 1U);
  EXPECT_EQ(snapshot.min(), 7U);
  EXPECT_EQ(snapshot.max(), 7U);
}

TEST(Histogram, CountsBetweenValues) {
  Histogram histogram;
  for (const uint64_t value : {10U, 20U, 20U, 30U, 5000U}) histogram.Record(value);
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.CountBetween(10, 20), 3U);
  EXPECT_EQ(snapshot.CountBetween(11, 19), 0U);
  EXPECT_EQ(snapshot.CountBetween(0, UINT64_MAX), 5U);
  EXPECT_EQ(snapshot.CountBetween(30, 30), 1U);
  EXPECT_EQ(snapshot.CountBetween(30, 20), 0U);
  EXPECT_EQ(snapshot.CountBetween(6000, UINT64_MAX), 0U);
  EXPECT_EQ(snapshot.CountAtOrBelow(9), 0U);
  EXPECT_EQ(snapshot.CountAtOrBelow(20), 3U);
  EXPECT_EQ(snapshot.CountAtOrBelow(4999), 5U) << "5000 shares its counter";
  EXPECT_EQ(HistogramSnapshot().CountBetween(0, UINT64_MAX), 0U);
}

TEST(Histogram, GivesTheValueOfARank) {
  Histogram histogram;
  for (uint64_t value = 1; value <= 100; ++value) histogram.Record(value);
  const HistogramSnapshot snapshot = histogram.Snapshot();
  for (uint64_t rank = 1; rank <= 100; ++rank) ASSERT_EQ(snapshot.ValueAtRank(rank), rank);
  EXPECT_EQ(snapshot.ValueAtRank(0), 1U);
  EXPECT_EQ(snapshot.ValueAtRank(UINT64_MAX), 100U);
}

TEST(Histogram, AnIntervalHasWhatCameAfterTheLast) {
  Histogram histogram;
  EXPECT_EQ(histogram.TakeInterval().count(), 0U);
  histogram.Record(1'000'003);
  histogram.Record(2'000'003);
  const HistogramSnapshot first = histogram.TakeInterval();
  EXPECT_EQ(first.count(), 2U);
  EXPECT_EQ(first.min(), 1'000'003U);
  EXPECT_EQ(first.max(), 2'000'003U);

  histogram.Record(5'000'011);
  const HistogramSnapshot second = histogram.TakeInterval();
  EXPECT_EQ(second.count(), 1U);
  EXPECT_EQ(second.min(), 5'000'011U);
  EXPECT_EQ(second.max(), 5'000'011U);
  EXPECT_EQ(second.Percentile(50), 5'000'011U);
  EXPECT_EQ(histogram.TakeInterval().count(), 0U);

  const HistogramSnapshot all = histogram.Snapshot();
  EXPECT_EQ(all.count(), 3U) << "intervals take nothing away";
  EXPECT_EQ(all.min(), 1'000'003U);
  EXPECT_EQ(all.max(), 5'000'011U);
}

TEST(Histogram, ResetBeginsAnIntervalToo) {
  Histogram histogram;
  histogram.Record(5);
  EXPECT_EQ(histogram.TakeInterval().count(), 1U);
  histogram.Record(6);
  histogram.Reset();
  EXPECT_EQ(histogram.TakeInterval().count(), 0U);
  histogram.Record(7);
  const HistogramSnapshot interval = histogram.TakeInterval();
  EXPECT_EQ(interval.count(), 1U);
  EXPECT_EQ(interval.min(), 7U);
}

TEST(Histogram, AddsAnother) {
  Histogram one;
  Histogram other;
  one.Record(1'000'003);
  other.Record(77);
  other.Record(9'000'001);
  one.Add(other.Snapshot());
  one.Add(HistogramSnapshot());
  const HistogramSnapshot both = one.Snapshot();
  EXPECT_EQ(both.count(), 3U);
  EXPECT_EQ(both.min(), 77U);
  EXPECT_EQ(both.max(), 9'000'001U);
  EXPECT_EQ(both.CountAtOrBelow(77), 1U);
  one.Add(one.Snapshot());
  EXPECT_EQ(one.Snapshot().count(), 6U);
}

TEST(Histogram, AddsOneOfAnotherLayout) {
  HistogramLayout layout = HistogramLayout::Latency();
  ASSERT_TRUE(HistogramLayout::Make(3, 1, 1'000'000, &layout).ok());
  Histogram fine(layout);
  for (const uint64_t value : {50U, 1'234U, 987'654U}) fine.Record(value);
  Histogram coarse;
  coarse.Add(fine.Snapshot());
  EXPECT_NEAR(static_cast<double>(coarse.Snapshot().Percentile(50)), 1'234, 12.34);
  fine.Record(1);
  Histogram large;
  large.Record(kHighest);
  fine.Add(large.Snapshot());
  EXPECT_EQ(fine.Snapshot().max(), 1'000'000U) << "what is too large counts as the largest";
  EXPECT_EQ(fine.Snapshot().count(), 5U);
}

// 2^53 samples, doubled until the counts run over: wrong, but harmless.
TEST(Histogram, SurvivesCountsThatRunOver) {
  Histogram histogram;
  histogram.Add({HistogramLayout::Latency(), 100, {uint64_t{1} << 53, 0, 1}});
  static_cast<void>(histogram.TakeInterval());
  for (int doubled = 0; doubled < 12; ++doubled) {
    histogram.Add(histogram.Snapshot());
    const HistogramSnapshot interval = histogram.TakeInterval();
    EXPECT_LE(interval.Percentile(50), interval.max());
  }
  EXPECT_LE(histogram.Snapshot().mean(), 200);
}

TEST(Histogram, TakesTheMemoryItSays) {
  Histogram histogram;
  EXPECT_LE(histogram.bytes(), 38'000U);
  histogram.Record(1);
  histogram.Record(kHighest);
  static_cast<void>(histogram.TakeInterval());
  EXPECT_LE(histogram.bytes(), 75'000U) << "the widest range there is";
}

}  // namespace
}  // namespace onlite
