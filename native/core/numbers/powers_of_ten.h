#pragma once

#include <array>
#include <cstddef>

#include "core/numbers/wide_product.h"

namespace onlite::numbers {

/// What reading and printing of every float needs: of 10^-343 × 19 digits half the smallest float64
/// is more, and 10^341 brings the smallest one to 17 digits.
inline constexpr int kLeastPower = -343;
inline constexpr int kGreatestPower = 341;

using PowersOfTen = std::array<UInt128, kGreatestPower - kLeastPower + 1>;

/// 10^k = significand × 2^(exponent - 127), its most significant bit set, the bits beyond the 128
/// cut off: the significand is exact or less than one too small. Computed when the addon is loaded:
/// in its file, eleven kilobytes would be random to a compressor.
extern const PowersOfTen kPowersOfTen;

inline const UInt128& PowerOfTen(int k) {
  return kPowersOfTen[static_cast<size_t>(k - kLeastPower)];
}

/// Whether nothing was cut off: 5^55 is the last that has 128 bits.
inline bool IsExactPower(int k) { return k >= 0 && k <= 55; }

/// The exponent, floor(log2(10^k)).
inline int BinaryExponent(int k) { return (k * 217706) >> 16; }

/// floor(log10(2^e)), for every e of a float64.
inline int DecimalExponent(int e) { return (e * 1262611) >> 22; }

}  // namespace onlite::numbers
