#pragma once

#include <cstring>
#include <limits>
#include <string>
#include <type_traits>

#include "core/numbers/decimal_to_float.h"
#include "core/numbers/json_text.h"
#include "core/numbers/parse_numbers.h"

namespace onlite::numbers {

/// What should be where reading a number has stopped: only a leading zero stops it at a digit.
inline const char* Missing(const char* wrong, const char* end) {
  return wrong < end && IsDigit(*wrong) ? "a number without leading zeros" : "a digit";
}

/// Why there is no element.
struct Mistake {
  std::string expected;
  const char* at = nullptr;
  /// Of a number that is none of the type; else `at` is what is no number, or no longer one.
  const char* number_end = nullptr;
};

// A reader knows one element type. `Read` reads an element at `at`, which is not the end, and
// returns behind it, or null with the mistake.

template <FloatFormat Format, typename Bits>
struct FloatReader {
  using Stored = Bits;

  static const char* Read(const char* at, const char* end, const NumberRules& rules,
                          Stored* element, Mistake* mistake) {
    Decimal decimal;
    const char* wrong = at;
    const char* const after =
        *at == '-' || IsDigit(*at) ? ReadDecimal(at, end, &decimal, &wrong) : nullptr;
    if (after == nullptr) return ReadWord(at, end, wrong, rules, element, mistake);
    uint64_t bits = DecimalToFloat<Format>(decimal);
    if (bits == Format.infinity() && !rules.overflow) {
      *mistake = {"a finite " + std::string(ElementTypeName(rules.type)), at, after};
      return nullptr;
    }
    bits |= decimal.negative ? Format.sign() : 0;
    *element = static_cast<Stored>(bits);
    return after;
  }

 private:
  static const char* ReadWord(const char* at, const char* end, const char* wrong,
                              const NumberRules& rules, Stored* element, Mistake* mistake) {
    const bool negative = *at == '-';
    const char* const word = negative ? at + 1 : at;
    const uint64_t sign = negative ? Format.sign() : 0;
    if (rules.non_finite && StartsWith(word, end, "NaN")) {
      *element = static_cast<Stored>(Format.quiet_nan() | sign);
      return word + 3;
    }
    if (rules.non_finite && StartsWith(word, end, "Inf")) {
      *element = static_cast<Stored>(Format.infinity() | sign);
      return StartsWith(word, end, "Infinity") ? word + 8 : word + 3;
    }
    const bool is_digit_missing = wrong > at && !StartsWith(at, end, "-Inf");
    *mistake = {is_digit_missing ? Missing(wrong, end) : "a number", is_digit_missing ? wrong : at,
                nullptr};
    return nullptr;
  }
};

/// What an integer type holds, for both signs as magnitudes.
struct IntegerLimits {
  uint64_t positive;
  uint64_t negative;
};

/// Reads the numbers for which IntegerReader's first look does not suffice: those with a fraction
/// or an exponent, with many digits, out of the type's range, and those that are none.
const char* ReadIntegerCarefully(const char* at, const char* end, const NumberRules& rules,
                                 const IntegerLimits& limits, uint64_t* magnitude,
                                 Mistake* mistake);

template <typename Integer>
struct IntegerReader {
  using Stored = Integer;

  static const char* Read(const char* at, const char* end, const NumberRules& rules,
                          Stored* element, Mistake* mistake) {
    const bool negative = *at == '-';
    const char* const first = negative ? at + 1 : at;
    uint64_t magnitude = 0;
    const char* after = ReadDigits(first, end, &magnitude);
    const int64_t length = after - first;
    const bool may_go_on = after < end && (*after == '.' || *after == 'e' || *after == 'E');
    if (length == 0 || length > kMostDigits || may_go_on || (*first == '0' && length > 1) ||
        magnitude > (negative ? kLimits.negative : kLimits.positive)) {
      after = ReadIntegerCarefully(at, end, rules, kLimits, &magnitude, mistake);
      if (after == nullptr) return nullptr;
    }
    *element = static_cast<Integer>(negative ? 0 - magnitude : magnitude);
    return after;
  }

 private:
  static constexpr auto kGreatest = static_cast<uint64_t>(std::numeric_limits<Integer>::max());
  static constexpr IntegerLimits kLimits = {kGreatest,
                                            std::is_signed_v<Integer> ? kGreatest + 1 : 0};
};

struct BoolReader {
  using Stored = uint8_t;

  static const char* Read(const char* at, const char* end, const NumberRules& rules,
                          Stored* element, Mistake* mistake) {
    if (StartsWith(at, end, "true")) {
      *element = 1;
      return at + 4;
    }
    if (StartsWith(at, end, "false")) {
      *element = 0;
      return at + 5;
    }
    if (rules.bool_numbers && (*at == '-' || IsDigit(*at))) {
      const char* const after = IntegerReader<uint8_t>::Read(at, end, rules, element, mistake);
      if (after != nullptr && *element <= 1) return after;
      if (after != nullptr || mistake->number_end != nullptr) {
        *mistake = {"true, false, 0 or 1", at, after != nullptr ? after : mistake->number_end};
      }
      return nullptr;
    }
    *mistake = {rules.bool_numbers ? "true, false, 0 or 1" : "true or false", at, nullptr};
    return nullptr;
  }
};

}  // namespace onlite::numbers
