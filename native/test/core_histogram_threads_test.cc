#include <gtest/gtest.h>

#include <atomic>
#include <cstdint>
#include <thread>
#include <vector>

#include "core/histogram.h"

namespace onlite {
namespace {

constexpr int kThreads = 8;

/// Runs `work(thread)` on as many threads and `meanwhile` on this one until they have ended.
template <typename Work, typename Meanwhile>
void WithThreads(const Work& work, const Meanwhile& meanwhile) {
  std::atomic<int> running{kThreads};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&work, &running, thread] {
      work(thread);
      --running;
    });
  }
  while (running > 0) meanwhile();
  for (std::thread& thread : threads) thread.join();
}

TEST(HistogramThreads, IntervalsHaveEverySampleOnce) {
  constexpr uint64_t kSamples = 10'000'000;  // of each thread
  constexpr uint64_t kLargest = uint64_t{1000} * kThreads;
  Histogram histogram;
  Histogram sum;
  uint64_t intervals = 0;
  WithThreads(
      [&](int thread) {
        // Every thread has values of its own and values of all, in turn.
        const uint64_t own = 1000 * (static_cast<uint64_t>(thread) + 1);
        for (uint64_t sample = 0; sample < kSamples; ++sample) {
          histogram.Record(sample % 2 == 0 ? own : sample % 500 + 1);
        }
      },
      [&] {
        const HistogramSnapshot interval = histogram.TakeInterval();
        // To its counter: that of a sample may be read before its extremes are.
        ASSERT_LE(interval.max(), kLargest + kLargest / 100);
        ASSERT_LE(interval.min(), interval.max());
        sum.Add(interval);
        ++intervals;
        std::this_thread::yield();
      });
  sum.Add(histogram.TakeInterval());
  EXPECT_GT(intervals, 10U);
  EXPECT_EQ(histogram.TakeInterval().count(), 0U);

  const HistogramSnapshot all = histogram.Snapshot();
  EXPECT_EQ(all.count(), kThreads * kSamples);
  EXPECT_EQ(all.min(), 2U);
  EXPECT_EQ(all.max(), kLargest);
  for (uint64_t thread = 1; thread <= kThreads; ++thread) {
    EXPECT_EQ(all.CountBetween(1000 * thread, 1000 * thread), kSamples / 2);
  }
  const HistogramSnapshot added = sum.Snapshot();
  EXPECT_EQ(added.first(), all.first());
  EXPECT_EQ(added.counts(), all.counts()) << "counter by counter";
}

TEST(HistogramThreads, ManyReadersShareTheIntervalsOut) {
  constexpr uint64_t kSamples = 200'000;
  Histogram histogram;
  std::atomic<uint64_t> taken{0};
  WithThreads(
      [&](int thread) {
        for (uint64_t sample = 1; sample <= kSamples; ++sample) {
          histogram.Record(sample);
          if (thread % 2 == 0 && sample % 1000 == 0) taken += histogram.TakeInterval().count();
        }
      },
      [&] {
        const HistogramSnapshot snapshot = histogram.Snapshot();
        ASSERT_LE(snapshot.Percentile(50), kSamples);
      });
  taken += histogram.TakeInterval().count();
  EXPECT_EQ(taken, kThreads * kSamples);
}

// What a reset forgets was counted before it; what is recorded meanwhile is not lost half-way.
TEST(HistogramThreads, ResetsBesideRecords) {
  constexpr uint64_t kSamples = 200'000;
  Histogram histogram;
  WithThreads(
      [&](int /*thread*/) {
        for (uint64_t sample = 1; sample <= kSamples; ++sample) histogram.Record(sample);
      },
      [&] {
        histogram.Reset();
        const HistogramSnapshot snapshot = histogram.Snapshot();
        ASSERT_LE(snapshot.count(), kThreads * kSamples);
        ASSERT_LE(snapshot.min(), snapshot.max());
        static_cast<void>(histogram.TakeInterval());
      });
  histogram.Reset();
  EXPECT_EQ(histogram.Snapshot().count(), 0U);
  histogram.Record(3);
  EXPECT_EQ(histogram.TakeInterval().count(), 1U);
}

}  // namespace
}  // namespace onlite
