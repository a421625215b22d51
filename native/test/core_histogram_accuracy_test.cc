#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "core/histogram.h"

namespace onlite {
namespace {

using Random = std::mt19937_64;

constexpr HistogramLayout kLayout = HistogramLayout::Latency();

struct Shape {
  std::string name;
  std::function<uint64_t(Random&)> draw;
};

std::vector<Shape> Shapes() {
  const auto clamp = [](double value) {
    return static_cast<uint64_t>(std::clamp(value, 0.0, static_cast<double>(kLayout.highest())));
  };
  return {
      {"constant", [](Random&) { return 123'457U; }},
      {"constant zero", [](Random&) { return 0U; }},
      {"constant highest", [](Random&) { return kLayout.highest(); }},
      {"two points", [](Random& random) { return random() % 100 == 0 ? 40'000'000'007U : 1'009U; }},
      {"powers of two", [](Random& random) { return uint64_t{1} << random() % 42; }},
      {"one less than a power of two",
       [](Random& random) { return (uint64_t{1} << random() % 42) - 1; }},
      {"the lowest of a counter",
       [](Random& random) {
         return std::min(kLayout.highest(), kLayout.LowestAt(random() % kLayout.counts()));
       }},
      {"the highest of a counter",
       [](Random& random) {
         return std::min(kLayout.highest(), kLayout.HighestAt(random() % kLayout.counts()));
       }},
      {"log-normal",
       [clamp](Random& random) {
         return clamp(std::lognormal_distribution<double>(std::log(50'000), 1.5)(random));
       }},
      {"heavy tail",
       [clamp](Random& random) {
         const double uniform = std::uniform_real_distribution<double>(1e-9, 1)(random);
         return clamp(1000 / std::pow(uniform, 1.25));
       }},
      {"uniform", [](Random& random) { return random() % (kLayout.highest() + 1); }},
      {"uniform bits",
       [](Random& random) { return (random() >> (22 + random() % 42)) % (kLayout.highest() + 1); }},
  };
}

/// The rank of a percentile given in thousandths of a percent, in whole numbers.
uint64_t ExactRank(uint64_t thousandths, uint64_t count) {
  return std::max<uint64_t>(1, (thousandths * count + 99'999) / 100'000);
}

void ExpectLikeSorted(const HistogramSnapshot& snapshot, const std::vector<uint64_t>& sorted) {
  const size_t count = sorted.size();
  ASSERT_EQ(snapshot.count(), count);
  EXPECT_EQ(snapshot.min(), sorted.front());
  EXPECT_EQ(snapshot.max(), sorted.back());
  for (const uint64_t thousandths : {0U, 1U, 100U, 1'000U, 25'000U, 50'000U, 55'000U, 70'000U,
                                     90'000U, 95'000U, 99'000U, 99'900U, 99'990U, 100'000U}) {
    const auto exact = static_cast<double>(sorted[ExactRank(thousandths, count) - 1]);
    const auto given =
        static_cast<double>(snapshot.Percentile(static_cast<double>(thousandths) / 1000));
    EXPECT_LE(std::abs(given - exact), exact * 0.01) << thousandths << " of " << count;
  }
  // Whole counters: a value's own is counted to its end.
  for (size_t at = 0; at < count; at += std::max<size_t>(1, count / 50)) {
    const uint64_t end = kLayout.HighestAt(kLayout.IndexOf(sorted[at]));
    const auto beyond = std::upper_bound(sorted.begin(), sorted.end(), end);
    EXPECT_EQ(snapshot.CountAtOrBelow(sorted[at]), static_cast<uint64_t>(beyond - sorted.begin()));
  }
}

void ExpectMoments(const HistogramSnapshot& snapshot, const std::vector<uint64_t>& samples) {
  const auto count = static_cast<double>(samples.size());
  double sum = 0;
  for (const uint64_t sample : samples) sum += static_cast<double>(sample);
  const double mean = sum / count;
  double squares = 0;
  for (const uint64_t sample : samples) squares += std::pow(static_cast<double>(sample) - mean, 2);
  const double stddev = std::sqrt(squares / count);
  EXPECT_LE(std::abs(snapshot.mean() - mean), mean * 0.01);
  EXPECT_LE(std::abs(snapshot.stddev() - stddev), std::hypot(mean, stddev) * 0.01);
}

TEST(HistogramAccuracy, IsThatOfSortedSamplesToOnePercent) {
  Random random(7);
  for (const Shape& shape : Shapes()) {
    for (const size_t count : {1U, 2U, 3U, 10U, 999U, 1'000'000U}) {
      SCOPED_TRACE(shape.name + ", " + std::to_string(count));
      Histogram histogram;
      std::vector<uint64_t> samples(count);
      for (uint64_t& sample : samples) {
        sample = shape.draw(random);
        histogram.Record(sample);
      }
      const HistogramSnapshot snapshot = histogram.Snapshot();
      ExpectMoments(snapshot, samples);
      std::sort(samples.begin(), samples.end());
      ExpectLikeSorted(snapshot, samples);
    }
  }
}

TEST(HistogramAccuracy, OfIntervalsAndTheirSumIsTheSame) {
  Random random(8);
  for (const Shape& shape : Shapes()) {
    SCOPED_TRACE(shape.name);
    Histogram histogram;
    Histogram sum;
    std::vector<uint64_t> all;
    for (int interval = 0; interval < 20; ++interval) {
      std::vector<uint64_t> samples(1 + random() % 3000);
      for (uint64_t& sample : samples) {
        sample = shape.draw(random);
        histogram.Record(sample);
      }
      all.insert(all.end(), samples.begin(), samples.end());
      std::sort(samples.begin(), samples.end());
      const HistogramSnapshot snapshot = histogram.TakeInterval();
      ExpectLikeSorted(snapshot, samples);
      sum.Add(snapshot);
    }
    std::sort(all.begin(), all.end());
    ExpectLikeSorted(histogram.Snapshot(), all);
    ExpectLikeSorted(sum.Snapshot(), all);
  }
}

}  // namespace
}  // namespace onlite
