#pragma once

#include <cstddef>
#include <cstdint>

#include "core/numbers/float_digits.h"

namespace onlite::numbers {

/// What writing an element may touch. It takes up to 26 bytes: "-0.0000012345678901234567".
inline constexpr size_t kRoomForElement = 64;

/// Writes a natural number; returns behind it.
char* WriteNatural(uint64_t value, char* to);

/// Writes a float as JavaScript's Number::toString does (ECMA-262), from its digits: as "0.000001"
/// and "100000000000000000000", beyond those as "1e-7" and "1e+21".
///
/// @param point - whole numbers get ".0"
char* WriteShortest(const DecimalDigits& number, bool point, char* to);

/// Writes a float as printf's %.<precision>g does, with ".0" behind what is neither with a fraction
/// nor with an exponent, as TensorFlow Serving.
char* WriteGeneral(const DecimalDigits& number, int precision, char* to);

}  // namespace onlite::numbers
