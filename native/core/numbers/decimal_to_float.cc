#include "core/numbers/decimal_to_float.h"

#include "core/numbers/big_natural.h"

namespace onlite::numbers {
namespace {

/// Rounds `product` × 2^exponent, one of the two highest bits of which is set.
template <FloatFormat Format>
uint64_t Round(const UInt192& product, int exponent) {
  uint64_t leading = product.high;
  uint64_t rest = product.middle;
  exponent += 191;
  if (leading >> 63 == 0) {
    leading = leading << 1 | rest >> 63;
    rest <<= 1;
    --exponent;
  }
  const bool more = (rest | product.low) != 0;
  int biased = exponent + Format.bias();
  if (biased >= Format.exponent_limit()) return Format.infinity();
  int cut = 63 - Format.fraction_bits;
  if (biased <= 0) {
    cut += 1 - biased;
    biased = 0;
    // Less than half of the least float, or about that.
    if (cut > 64) return 0;
    if (cut == 64) return leading > uint64_t{1} << 63 || more ? 1 : 0;
  }
  uint64_t significand = leading >> cut;
  const uint64_t half = uint64_t{1} << (cut - 1);
  const uint64_t below = leading & (half * 2 - 1);
  if (below > half || (below == half && (more || (significand & 1) != 0))) ++significand;
  // A carry goes into the exponent, up to infinity.
  return biased == 0 ? significand
                     : (static_cast<uint64_t>(biased - 1) << Format.fraction_bits) + significand;
}

/// Of a lower bound of digits × 10^k, or of an upper one.
template <FloatFormat Format>
uint64_t RoundBound(uint64_t digits, int k, bool upper) {
  const int shift = std::countl_zero(digits);
  const uint64_t normalised = digits << shift;
  UInt192 product = Multiply(normalised, PowerOfTen(k));
  if (upper && !IsExactPower(k)) product = Add(product, normalised);
  return Round<Format>(product, BinaryExponent(k) - 127 - shift);
}

/// Of the two floats from `lower` on, where nothing else decides.
template <FloatFormat Format>
uint64_t RoundExactly(const Decimal& decimal, uint64_t lower) {
  BigNatural digits(decimal.digits);
  auto exponent = static_cast<int>(decimal.exponent);
  if (decimal.truncated) {
    // Half of a float64 has no more than 767 significant digits: of what follows it matters only
    // that it is not zero.
    constexpr int kEnough = 800;
    const char* at = decimal.text;
    while (*at == '0' || *at == '.') ++at;
    int taken = 0;
    for (; at < decimal.text_end && taken < kEnough; ++at) {
      if (*at == '.' || ++taken <= kMostDigits) continue;
      digits.MultiplyAndAdd(10, static_cast<uint32_t>(*at - '0'));
      --exponent;
    }
    while (at < decimal.text_end && (*at == '0' || *at == '.')) ++at;
    if (at < decimal.text_end) {
      digits.MultiplyAndAdd(10, 1);
      --exponent;
    }
  }
  const BinaryFloat below = Decompose<Format>(lower);
  const int order = CompareExactly(digits, exponent, below.significand * 2 + 1, below.exponent - 1);
  return order > 0 || (order == 0 && (lower & 1) != 0) ? lower + 1 : lower;
}

}  // namespace

template <FloatFormat Format>
uint64_t DecimalToFloatCarefully(const Decimal& decimal) {
  if (decimal.digits == 0 || decimal.exponent < kLeastPower) return 0;
  // The least number of these digits and exponents.
  constexpr int kGreatestExponent = 308;
  if (decimal.exponent > kGreatestExponent) return Format.infinity();
  const auto k = static_cast<int>(decimal.exponent);
  const uint64_t lower = RoundBound<Format>(decimal.digits, k, false);
  if (IsExactPower(k) && !decimal.truncated) return lower;
  const uint64_t most = decimal.digits + (decimal.truncated ? 1 : 0);
  if (RoundBound<Format>(most, k, true) == lower) return lower;
  return RoundExactly<Format>(decimal, lower);
}

template uint64_t DecimalToFloatCarefully<kFloat64Format>(const Decimal& decimal);
template uint64_t DecimalToFloatCarefully<kFloat32Format>(const Decimal& decimal);
template uint64_t DecimalToFloatCarefully<kFloat16Format>(const Decimal& decimal);
template uint64_t DecimalToFloatCarefully<kBFloat16Format>(const Decimal& decimal);

}  // namespace onlite::numbers
