#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <cmath>
#include <cstdint>
#include <random>
#include <thread>
#include <vector>

#include "core/histogram.h"
#include "core/latency.h"

namespace onlite {
namespace {

TEST(Histogram, AnIndexHoldsTheValuesBetweenItsEnds) {
  uint64_t next = 0;
  for (size_t index = 0; index < Histogram::kCounts; ++index) {
    const uint64_t lowest = Histogram::LowestAt(index);
    const uint64_t highest = Histogram::HighestAt(index);
    ASSERT_EQ(lowest, next) << "no gap and no overlap before index " << index;
    ASSERT_GE(highest, lowest);
    ASSERT_EQ(Histogram::IndexOf(lowest), index);
    ASSERT_EQ(Histogram::IndexOf(highest), index);
    next = highest + 1;
  }
  EXPECT_GT(next, Histogram::kHighest);
}

TEST(Histogram, AnIndexIsNoWiderThanTwoDigitsAllow) {
  for (size_t index = 1; index < Histogram::kCounts; ++index) {
    const auto lowest = static_cast<double>(Histogram::LowestAt(index));
    const auto highest = static_cast<double>(Histogram::HighestAt(index));
    ASSERT_LE(highest - lowest, lowest * 0.01) << "index " << index;
  }
}

TEST(Histogram, RoundTripsValuesOfEveryMagnitude) {
  std::mt19937_64 random(1);
  for (int bits = 0; bits < 42; ++bits) {
    for (int round = 0; round < 200; ++round) {
      const uint64_t value = std::min(
          Histogram::kHighest, (uint64_t{1} << bits) | (random() & ((uint64_t{1} << bits) - 1)));
      const size_t index = Histogram::IndexOf(value);
      ASSERT_LT(index, Histogram::kCounts);
      ASSERT_LE(Histogram::LowestAt(index), value);
      ASSERT_GE(Histogram::HighestAt(index), value);
    }
  }
}

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
  histogram.Record(Histogram::kHighest + 1);
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.count(), 2U);
  EXPECT_EQ(snapshot.max(), Histogram::kHighest);
  EXPECT_EQ(snapshot.Percentile(50), Histogram::kHighest);
}

TEST(Histogram, PercentilesAreThoseOfTheSortedSamples) {
  std::mt19937_64 random(2);
  std::lognormal_distribution<double> latencies(std::log(50'000.0), 1.5);
  for (const size_t count : {1U, 2U, 3U, 10U, 100U, 1000U, 50'000U}) {
    Histogram histogram;
    std::vector<uint64_t> samples(count);
    for (uint64_t& sample : samples) {
      sample = static_cast<uint64_t>(latencies(random)) + 1;
      histogram.Record(sample);
    }
    std::sort(samples.begin(), samples.end());
    const HistogramSnapshot snapshot = histogram.Snapshot();
    for (const size_t tenths :
         {0U, 1U, 100U, 250U, 500U, 550U, 700U, 900U, 950U, 990U, 999U, 1000U}) {
      // In whole numbers, so that the rank is exact.
      const size_t rank = std::max<size_t>(1, (tenths * count + 999) / 1000);
      const auto exact = static_cast<double>(samples[rank - 1]);
      const auto given = static_cast<double>(snapshot.Percentile(static_cast<double>(tenths) / 10));
      EXPECT_NEAR(given, exact, exact * 0.01) << tenths << " tenths of a percent of " << count;
    }
    double sum = 0;
    for (const uint64_t sample : samples) sum += static_cast<double>(sample);
    const double mean = sum / static_cast<double>(count);
    double squares = 0;
    for (const uint64_t sample : samples)
      squares += std::pow(static_cast<double>(sample) - mean, 2);
    EXPECT_NEAR(snapshot.mean(), mean, mean * 0.01);
    EXPECT_NEAR(snapshot.stddev(), std::sqrt(squares / static_cast<double>(count)), mean * 0.02);
  }
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

TEST(Histogram, LosesNothingThatManyThreadsRecord) {
  constexpr int kThreads = 8;
  constexpr uint64_t kSamples = 50'000;
  Histogram histogram;
  std::atomic<bool> stop{false};
  // Whoever reads meanwhile sees something that is in order.
  std::thread reader([&] {
    uint64_t seen = 0;
    while (!stop) {
      const HistogramSnapshot snapshot = histogram.Snapshot();
      EXPECT_GE(snapshot.count(), seen);
      seen = snapshot.count();
    }
  });
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&histogram, thread] {
      for (uint64_t sample = 1; sample <= kSamples; ++sample) {
        histogram.Record(sample * (static_cast<uint64_t>(thread) + 1));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  stop = true;
  reader.join();
  const HistogramSnapshot snapshot = histogram.Snapshot();
  EXPECT_EQ(snapshot.count(), kThreads * kSamples);
  EXPECT_EQ(snapshot.min(), 1U);
  EXPECT_EQ(snapshot.max(), kThreads * kSamples);
}

TEST(LatencyRecorder, KeepsThePhasesApartAndOneSetForAllThreads) {
  LatencyRecorder recorder;
  EXPECT_EQ(recorder.Snapshot(Phase::kTotal).count(), 0U);
  recorder.Reset();
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&recorder] {
      for (int sample = 0; sample < 1000; ++sample) {
        recorder.Record(Phase::kInvoke, 1000);
        recorder.Record(Phase::kTotal, 2000);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(recorder.Snapshot(Phase::kInvoke).count(), 8000U);
  EXPECT_EQ(recorder.Snapshot(Phase::kTotal).count(), 8000U);
  EXPECT_EQ(recorder.Snapshot(Phase::kQueue).count(), 0U);
  EXPECT_NEAR(recorder.Snapshot(Phase::kTotal).mean(), 2000, 20);
  recorder.Record(Phase::kQueue, -1);  // the clock of a broken machine
  EXPECT_EQ(recorder.Snapshot(Phase::kQueue).max(), 0U);
  recorder.Reset();
  EXPECT_EQ(recorder.Snapshot(Phase::kInvoke).count(), 0U);
}

}  // namespace
}  // namespace onlite
