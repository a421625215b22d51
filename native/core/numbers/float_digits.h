#pragma once

#include <cstdint>

#include "core/numbers/float_format.h"

namespace onlite::numbers {

/// digits × 10^exponent, without trailing zeros.
struct DecimalDigits {
  uint64_t digits;
  int exponent;
};

/// Of the decimals that are nearest to this float of its format the shortest, and of those the
/// nearest. Not of zero.
///
/// After R. Giulietti, "The Schubfach way to render doubles" (2020).
DecimalDigits ShortestDigits(const BinaryFloat& value);

/// So many significant digits, 17 at most, correctly rounded, halves to even, as printf's %g does.
/// Not of zero.
DecimalDigits RoundedDigits(const BinaryFloat& value, int count);

}  // namespace onlite::numbers
