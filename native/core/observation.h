#pragma once

#include <cstddef>
#include <limits>
#include <span>

namespace onlite {

// What calibration keeps of tensors' values, of float and double. Other threads may write the
// values meanwhile: what is then found is of no use, and nothing else comes of it.

/// What values lie between, those aside that are not finite.
struct Extent {
  double min = std::numeric_limits<double>::infinity();
  double max = -std::numeric_limits<double>::infinity();
  double nans = 0;
  double infinities = 0;
};

template <typename Value>
Extent ExtentOf(std::span<const Value> values);

/// Bin i counts the values v for which floor(v · per_unit) is first + i.
struct Bins {
  std::span<double> counts;
  double per_unit = 1;
  double first = 0;
};

/// Counts every step-th value, from the first on, by a weight; those of no bin are left out.
template <typename Value>
void CountValues(std::span<const Value> values, size_t step, double weight, const Bins& bins);

/// Sums over the values of each channel, of which a tensor has `outer` times `inner` in a row.
struct ChannelSums {
  /// Numbers near the channels' values.
  std::span<const double> pivots;
  /// The values' greatest magnitudes, raised.
  std::span<double> peaks;
  /// Of the distances from the pivot, and of their squares; added to.
  std::span<double> distances;
  std::span<double> squares;
};

/// @param values - a multiple of channels · inner
template <typename Value>
void AddChannelSums(std::span<const Value> values, size_t inner, const ChannelSums& sums);

}  // namespace onlite
