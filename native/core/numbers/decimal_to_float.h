#pragma once

#include <bit>

#include "core/numbers/decimal.h"
#include "core/numbers/float_format.h"
#include "core/numbers/powers_of_ten.h"

namespace onlite::numbers {

/// DecimalToFloat for the numbers that 64 bits of the power of ten do not decide.
template <FloatFormat Format>
uint64_t DecimalToFloatCarefully(const Decimal& decimal);

extern template uint64_t DecimalToFloatCarefully<kFloat64Format>(const Decimal& decimal);
extern template uint64_t DecimalToFloatCarefully<kFloat32Format>(const Decimal& decimal);
extern template uint64_t DecimalToFloatCarefully<kFloat16Format>(const Decimal& decimal);
extern template uint64_t DecimalToFloatCarefully<kBFloat16Format>(const Decimal& decimal);

/// The bits of the nearest float of a format, halves to even, without the sign; those of infinity
/// from half a step beyond the greatest finite one. Rounded once, whatever the format.
///
/// After D. Lemire, "Number Parsing at a Gigabyte per Second" (2021): 64 bits of digits times those
/// of the power of ten, if need be 128 of them. Where what was cut off could still decide the
/// rounding, the digits are compared exactly.
template <FloatFormat Format>
uint64_t DecimalToFloat(const Decimal& decimal) {
  if (decimal.digits == 0) return 0;
  if (decimal.truncated || decimal.exponent < kLeastPower || decimal.exponent > kGreatestPower) {
    return DecimalToFloatCarefully<Format>(decimal);
  }
  const auto k = static_cast<int>(decimal.exponent);
  const int shift = std::countl_zero(decimal.digits);
  const UInt128 product = Multiply(decimal.digits << shift, PowerOfTen(k).high);
  const int is_low = static_cast<int>(~product.high >> 63);
  const uint64_t leading = is_low != 0 ? product.high << 1 | product.low >> 63 : product.high;
  const int exponent = BinaryExponent(k) + 64 - shift - is_low + Format.bias();

  // What was left out adds less than 2 to `leading`: all is decided by its bits below that of one
  // half, unless they are nearly all zeros or ones.
  constexpr int kCut = 63 - Format.fraction_bits;
  constexpr uint64_t kBelowHalf = (uint64_t{1} << (kCut - 1)) - 1;
  const uint64_t below = leading & kBelowHalf;
  const bool is_normal = exponent > 0 && exponent < Format.exponent_limit();
  if (!is_normal || below == 0 || below >= kBelowHalf - 1) {
    return DecimalToFloatCarefully<Format>(decimal);
  }
  // Rounding up carries into the exponent, up to infinity.
  return (static_cast<uint64_t>(exponent - 1) << Format.fraction_bits) +
         (((leading >> (kCut - 1)) + 1) >> 1);
}

}  // namespace onlite::numbers
