#pragma once

#include <cstdint>

namespace onlite::numbers {

/// A binary floating-point format of IEEE 754's kind: sign, exponent, fraction.
struct FloatFormat {
  int fraction_bits;
  int exponent_bits;

  constexpr int bias() const { return (1 << (exponent_bits - 1)) - 1; }
  /// The exponent field of infinity and NaN.
  constexpr int exponent_limit() const { return (1 << exponent_bits) - 1; }
  constexpr uint64_t infinity() const { return uint64_t(exponent_limit()) << fraction_bits; }
  constexpr uint64_t quiet_nan() const { return infinity() | uint64_t{1} << (fraction_bits - 1); }
  constexpr uint64_t sign() const { return uint64_t{1} << (fraction_bits + exponent_bits); }
  constexpr uint64_t hidden_bit() const { return uint64_t{1} << fraction_bits; }
};

inline constexpr FloatFormat kFloat64Format{52, 11};
inline constexpr FloatFormat kFloat32Format{23, 8};
inline constexpr FloatFormat kFloat16Format{10, 5};
inline constexpr FloatFormat kBFloat16Format{7, 8};

/// A finite number that is not negative: significand × 2^exponent.
struct BinaryFloat {
  uint64_t significand;
  int exponent;
  /// Below it the floats lie closer: it is a power of two.
  bool lower_is_closer;
};

/// Of the bits without the sign, which must not be those of infinity or NaN.
template <FloatFormat Format>
BinaryFloat Decompose(uint64_t bits) {
  const uint64_t fraction = bits & (Format.hidden_bit() - 1);
  const int exponent = static_cast<int>(bits >> Format.fraction_bits);
  const int least = 1 - Format.bias() - Format.fraction_bits;
  if (exponent == 0) return {fraction, least, false};
  return {fraction | Format.hidden_bit(), exponent - 1 + least, fraction == 0 && exponent > 1};
}

}  // namespace onlite::numbers
