#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <random>
#include <vector>

#include "core/observation.h"

namespace onlite {
namespace {

template <typename Value>
class ObservationTest : public testing::Test {
 protected:
  /// Of both signs and many magnitudes, in memory of exactly their length.
  static std::vector<Value> Values(size_t count) {
    std::mt19937 random(static_cast<uint32_t>(count));
    std::normal_distribution<double> bell;
    std::vector<Value> values(count);
    for (Value& value : values) value = static_cast<Value>(std::pow(bell(random), 3));
    return values;
  }
};

using ValueTypes = testing::Types<float, double>;
TYPED_TEST_SUITE(ObservationTest, ValueTypes);

constexpr size_t kLengths[] = {0, 1, 7, 8, 15, 16, 17, 33, 1000};

TYPED_TEST(ObservationTest, ExtentIsThatOfTheFiniteValues) {
  using Limits = std::numeric_limits<TypeParam>;
  for (const size_t length : kLengths) {
    std::vector<TypeParam> values = this->Values(length);
    Extent expected;
    for (const double value : values) {
      expected.min = std::min(expected.min, value);
      expected.max = std::max(expected.max, value);
    }
    const auto check = [&] {
      const Extent found = ExtentOf(std::span<const TypeParam>(values));
      EXPECT_EQ(found.min, expected.min);
      EXPECT_EQ(found.max, expected.max);
      EXPECT_EQ(found.nans, expected.nans);
      EXPECT_EQ(found.infinities, expected.infinities);
    };
    check();
    // Wherever they are, also in what is left behind the last full row of lanes.
    for (const TypeParam odd : {Limits::infinity(), -Limits::infinity(), Limits::quiet_NaN()}) {
      values.insert(values.begin() + static_cast<ptrdiff_t>(values.size() / 2), odd);
      values.push_back(odd);
      (std::isnan(odd) ? expected.nans : expected.infinities) += 2;
      check();
    }
  }
}

TYPED_TEST(ObservationTest, CountsEachValueInItsBinAndNoneBesides) {
  const std::vector<TypeParam> values = this->Values(1000);
  for (const size_t step : {size_t{1}, size_t{3}, size_t{999}, SIZE_MAX}) {
    for (const double per_unit : {0.25, 8.0, 0x1p100}) {
      std::vector<double> counts(64, 1);
      std::vector<double> expected(64, 1);
      for (size_t at = 0; at < values.size(); at += step) {
        const double place = std::floor(static_cast<double>(values[at]) * per_unit) + 20;
        if (place >= 0 && place < 64) expected[static_cast<size_t>(place)] += 2.5;
        if (values.size() - at <= step) break;
      }
      CountValues(std::span<const TypeParam>(values), step, 2.5, {counts, per_unit, -20});
      EXPECT_EQ(counts, expected);
    }
  }
  const auto nan = std::numeric_limits<TypeParam>::quiet_NaN();
  const auto infinity = std::numeric_limits<TypeParam>::infinity();
  const std::vector<TypeParam> odd = {nan, infinity, -infinity};
  std::vector<double> counts(4);
  CountValues(std::span<const TypeParam>(odd), 1, 1, {counts, 1, -2});
  EXPECT_EQ(counts, std::vector<double>(4));
}

TYPED_TEST(ObservationTest, SumsAreThoseOfEachChannel) {
  for (const size_t inner : kLengths) {
    if (inner == 0) continue;
    constexpr size_t kChannels = 5;
    const std::vector<TypeParam> values = this->Values(2 * kChannels * inner);
    const std::vector<double> pivots = {0, 1, -1, 0.5, 100};
    std::vector<double> peaks(kChannels, 0.5);
    std::vector<double> distances(kChannels, 3);
    std::vector<double> squares(kChannels, 4);
    AddChannelSums(std::span<const TypeParam>(values), inner, {pivots, peaks, distances, squares});
    for (size_t channel = 0; channel < kChannels; ++channel) {
      double peak = 0.5;
      double distance = 3;
      double square = 4;
      for (size_t at = 0; at < values.size(); ++at) {
        if (at / inner % kChannels != channel) continue;
        const double value = values[at];
        peak = std::max(peak, std::abs(value));
        distance += value - pivots[channel];
        square += std::pow(value - pivots[channel], 2);
      }
      EXPECT_EQ(peaks[channel], peak);
      EXPECT_NEAR(distances[channel], distance, 1e-9 * square);
      EXPECT_NEAR(squares[channel], square, 1e-9 * square);
    }
  }
}

}  // namespace
}  // namespace onlite
