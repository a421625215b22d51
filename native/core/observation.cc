#include "core/observation.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstdint>

namespace onlite {
namespace {

/// So many results are kept apart, for instructions that take several values at once: a compiler
/// may not change the order of additions and comparisons of floats by itself.
constexpr size_t kLanes = 16;

template <typename Value>
using Lanes = std::array<Value, kLanes>;

/// The values one by one, where some are not finite.
template <typename Value>
Extent CarefulExtent(std::span<const Value> values) {
  Extent extent;
  for (const double value : values) {
    if (std::isnan(value)) {
      ++extent.nans;
    } else if (std::isinf(value)) {
      ++extent.infinities;
    } else {
      extent.min = std::min(extent.min, value);
      extent.max = std::max(extent.max, value);
    }
  }
  return extent;
}

}  // namespace

template <typename Value>
Extent ExtentOf(std::span<const Value> values) {
  constexpr Value kInfinity = std::numeric_limits<Value>::infinity();
  Lanes<Value> min;
  Lanes<Value> max;
  // 0 as long as all are finite, else NaN.
  Lanes<Value> poison{};
  min.fill(kInfinity);
  max.fill(-kInfinity);
  size_t at = 0;
  for (; at + kLanes <= values.size(); at += kLanes) {
#if defined(__GNUC__) && !defined(__clang__)
// Unrolled, GCC would compute each lane by itself: four times slower.
#pragma GCC unroll 1
#endif
    for (size_t lane = 0; lane < kLanes; ++lane) {
      const Value value = values[at + lane];
      min[lane] = value < min[lane] ? value : min[lane];
      max[lane] = value > max[lane] ? value : max[lane];
      poison[lane] += value * 0;
    }
  }
  for (; at < values.size(); ++at) {
    min[0] = std::min(min[0], values[at]);
    max[0] = std::max(max[0], values[at]);
    poison[0] += values[at] * 0;
  }
  if (std::any_of(poison.begin(), poison.end(), [](Value each) { return each != 0; })) {
    return CarefulExtent(values);
  }
  Extent extent;
  extent.min = *std::min_element(min.begin(), min.end());
  extent.max = *std::max_element(max.begin(), max.end());
  return extent;
}

template <typename Value>
void CountValues(std::span<const Value> values, size_t step, double weight, const Bins& bins) {
  const double end = bins.first + static_cast<double>(bins.counts.size());
  for (size_t at = 0; at < values.size(); at += step) {
    const double place = static_cast<double>(values[at]) * bins.per_unit;
    // NaN is in no bin either.
    if (!(place >= bins.first && place < end)) continue;
    // floor() is a call on processors of before 2008, which is what is compiled for.
    auto whole = static_cast<int64_t>(place);
    if (static_cast<double>(whole) > place) --whole;
    bins.counts[static_cast<size_t>(whole - static_cast<int64_t>(bins.first))] += weight;
    if (values.size() - at <= step) break;
  }
}

namespace {

/// Of rows of one value for each channel.
template <typename Value>
void AddRowSums(std::span<const Value> values, const ChannelSums& sums) {
  const size_t channels = sums.pivots.size();
  for (size_t at = 0; at < values.size(); at += channels) {
    const Value* const row = &values[at];
    for (size_t channel = 0; channel < channels; ++channel) {
      const double value = row[channel];
      const double distance = value - sums.pivots[channel];
      sums.distances[channel] += distance;
      sums.squares[channel] += distance * distance;
      sums.peaks[channel] = std::max(sums.peaks[channel], std::abs(value));
    }
  }
}

template <typename Value>
void AddRunSums(std::span<const Value> run, size_t channel, const ChannelSums& sums) {
  constexpr size_t kWide = 8;
  std::array<double, kWide> distances{};
  std::array<double, kWide> squares{};
  std::array<Value, kWide> peaks{};
  const double pivot = sums.pivots[channel];
  size_t at = 0;
  for (; at + kWide <= run.size(); at += kWide) {
    for (size_t lane = 0; lane < kWide; ++lane) {
      const Value value = run[at + lane];
      const double distance = static_cast<double>(value) - pivot;
      distances[lane] += distance;
      squares[lane] += distance * distance;
      const Value magnitude = std::abs(value);
      peaks[lane] = magnitude > peaks[lane] ? magnitude : peaks[lane];
    }
  }
  for (; at < run.size(); ++at) {
    const double distance = static_cast<double>(run[at]) - pivot;
    distances[0] += distance;
    squares[0] += distance * distance;
    peaks[0] = std::max(peaks[0], std::abs(run[at]));
  }
  for (size_t lane = 0; lane < kWide; ++lane) {
    sums.distances[channel] += distances[lane];
    sums.squares[channel] += squares[lane];
    sums.peaks[channel] = std::max(sums.peaks[channel], static_cast<double>(peaks[lane]));
  }
}

}  // namespace

template <typename Value>
void AddChannelSums(std::span<const Value> values, size_t inner, const ChannelSums& sums) {
  if (inner == 1) {
    AddRowSums(values, sums);
    return;
  }
  const size_t channels = sums.pivots.size();
  size_t at = 0;
  while (at < values.size()) {
    for (size_t channel = 0; channel < channels; ++channel, at += inner) {
      AddRunSums(values.subspan(at, inner), channel, sums);
    }
  }
}

template Extent ExtentOf(std::span<const float>);
template Extent ExtentOf(std::span<const double>);
template void CountValues(std::span<const float>, size_t, double, const Bins&);
template void CountValues(std::span<const double>, size_t, double, const Bins&);
template void AddChannelSums(std::span<const float>, size_t, const ChannelSums&);
template void AddChannelSums(std::span<const double>, size_t, const ChannelSums&);

}  // namespace onlite
