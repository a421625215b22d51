#pragma once

#include <cstring>
#include <string_view>
#include <type_traits>

#include "core/numbers/decimal.h"
#include "core/numbers/decimal_to_float.h"
#include "core/numbers/print_numbers.h"
#include "core/numbers/write_float.h"

namespace onlite::numbers {

inline char* WriteWord(std::string_view word, char* to) {
  std::memcpy(to, word.data(), word.size());
  return to + word.size();
}

// A writer knows one element type. `Write` has room for kRoomForElement bytes and
// returns behind those it takes, or null for what has no form in JSON and is to be refused.

template <FloatFormat Format, typename Bits>
struct FloatWriter {
  using Stored = Bits;

  static char* Write(Stored element, const NumberStyle& style, char* to) {
    const uint64_t bits = element & (Format.sign() - 1);
    if (bits > Format.infinity()) return style.non_finite ? WriteWord("NaN", to) : nullptr;
    if ((element & Format.sign()) != 0) *to++ = '-';
    if (bits == Format.infinity()) return style.non_finite ? WriteWord("Infinity", to) : nullptr;
    if (bits == 0) {
      return WriteWord(style.point || style.general ? "0.0" : "0", to);
    }
    const BinaryFloat value = Decompose<Format>(bits);
    if (!style.general) return WriteShortest(ShortestDigits(value), style.point, to);
    constexpr int kShort = 6;
    const DecimalDigits few = RoundedDigits(value, kShort);
    if (DecimalToFloat<Format>({.digits = few.digits, .exponent = few.exponent}) == bits) {
      return WriteGeneral(few, kShort, to);
    }
    // numeric_limits<>::max_digits10
    constexpr int kEnough = 2 + (Format.fraction_bits + 1) * 30103 / 100000;
    return WriteGeneral(RoundedDigits(value, kEnough), kEnough, to);
  }
};

template <typename Integer>
struct IntegerWriter {
  using Stored = Integer;

  static char* Write(Stored element, const NumberStyle& /*style*/, char* to) {
    auto magnitude = static_cast<uint64_t>(element);
    if constexpr (std::is_signed_v<Integer>) {
      if (element < 0) {
        *to++ = '-';
        magnitude = 0 - magnitude;
      }
    }
    return WriteNatural(magnitude, to);
  }
};

struct BoolWriter {
  using Stored = uint8_t;

  static char* Write(Stored element, const NumberStyle& /*style*/, char* to) {
    return element != 0 ? WriteWord("true", to) : WriteWord("false", to);
  }
};

}  // namespace onlite::numbers
