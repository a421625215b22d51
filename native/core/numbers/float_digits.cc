#include "core/numbers/float_digits.h"

#include <bit>

#include "core/numbers/big_natural.h"
#include "core/numbers/decimal.h"
#include "core/numbers/powers_of_ten.h"

namespace onlite::numbers {
namespace {

DecimalDigits WithoutTrailingZeros(uint64_t digits, int exponent) {
  while (digits % 100 == 0) {
    digits /= 100;
    exponent += 2;
  }
  if (digits % 10 == 0) {
    digits /= 10;
    ++exponent;
  }
  return {digits, exponent};
}

/// factor × power / 2^128, rounded to odd: the last bit says, too, that something was cut off.
uint64_t MultiplyToOdd(uint64_t factor, const UInt128& power) {
  const UInt192 product = Multiply(factor, power);
  return product.high | (product.middle > 1 ? 1 : 0);
}

/// A lower bound of a product, and an upper one, as a natural number rounded to even.
struct Rounded {
  uint64_t floor;
  uint64_t lower;
  uint64_t upper;
};

uint64_t RoundHalfToEven(const UInt192& product, int cut) {
  const uint64_t floor = product.high >> cut;
  const uint64_t half = uint64_t{1} << (cut - 1);
  const uint64_t below = product.high & (half * 2 - 1);
  const bool more = (product.middle | product.low) != 0;
  return below > half || (below == half && (more || (floor & 1) != 0)) ? floor + 1 : floor;
}

/// value × 10^k, which is to have 6 to 18 digits.
Rounded Scale(const BinaryFloat& value, int k) {
  const int shift = std::countl_zero(value.significand);
  const uint64_t normalised = value.significand << shift;
  const UInt192 product = Multiply(normalised, PowerOfTen(k));
  // The product counts in units of 2^-(cut + 128): the integer is in its first word.
  const int cut = 127 - 128 - BinaryExponent(k) + shift - value.exponent;
  const uint64_t lower = RoundHalfToEven(product, cut);
  const uint64_t upper = IsExactPower(k) ? lower : RoundHalfToEven(Add(product, normalised), cut);
  return {product.high >> cut, lower, upper};
}

}  // namespace

DecimalDigits ShortestDigits(const BinaryFloat& value) {
  const uint64_t significand = value.significand;
  const bool closer = value.lower_is_closer;
  // floor(log10(2^e)), or of 3/4 of it, which is the width of what rounds to this float.
  const int k = (value.exponent * 1262611 - (closer ? 524031 : 0)) >> 22;
  const int shift = value.exponent + BinaryExponent(-k) + 1;
  UInt128 power = PowerOfTen(-k);
  if (!IsExactPower(-k) && ++power.low == 0) ++power.high;

  // In quarters of 10^k: the float, and the ends of what rounds to it.
  const uint64_t quarters = significand * 4;
  const uint64_t middle = MultiplyToOdd(quarters << shift, power);
  const uint64_t outside = significand & 1;
  const uint64_t lower = MultiplyToOdd((quarters - (closer ? 1 : 2)) << shift, power) + outside;
  const uint64_t upper = MultiplyToOdd((quarters + 2) << shift, power) - outside;

  const uint64_t floor = middle / 4;
  if (floor >= 10) {
    const uint64_t tens = floor / 10;
    const bool lower_fits = lower <= tens * 40;
    const bool upper_fits = tens * 40 + 40 <= upper;
    if (lower_fits != upper_fits) {
      return WithoutTrailingZeros(upper_fits ? tens + 1 : tens, k + 1);
    }
  }
  const bool lower_fits = lower <= floor * 4;
  const bool upper_fits = floor * 4 + 4 <= upper;
  if (lower_fits != upper_fits) return WithoutTrailingZeros(upper_fits ? floor + 1 : floor, k);
  const uint64_t half = floor * 4 + 2;
  const bool up = middle > half || (middle == half && (floor & 1) != 0);
  return WithoutTrailingZeros(up ? floor + 1 : floor, k);
}

DecimalDigits RoundedDigits(const BinaryFloat& value, int count) {
  // Of the power of two below it: that of the value may be one more.
  int first = DecimalExponent(value.exponent + 63 - std::countl_zero(value.significand));
  const uint64_t limit = kNaturalPowers[static_cast<size_t>(count)];
  Rounded rounded = Scale(value, count - 1 - first);
  if (rounded.floor >= limit) {
    ++first;
    rounded = Scale(value, count - 1 - first);
  }
  const int k = count - 1 - first;
  uint64_t digits = rounded.lower;
  if (rounded.lower != rounded.upper) {
    // Half-way, or nearly so: half a unit more is an odd number of halves.
    const BigNatural halves(rounded.lower * 2 + 1);
    const int order = CompareExactly(halves, -k, value.significand, value.exponent + 1);
    if (order < 0 || (order == 0 && (rounded.lower & 1) != 0)) ++digits;
  }
  return WithoutTrailingZeros(digits, -k);
}

}  // namespace onlite::numbers
