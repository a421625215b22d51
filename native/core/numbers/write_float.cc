#include "core/numbers/write_float.h"

#include <array>
#include <bit>
#include <cstring>

#include "core/numbers/decimal.h"

namespace onlite::numbers {
namespace {

constexpr auto kPairs = [] {
  std::array<char, 200> pairs{};
  for (size_t pair = 0; pair < 100; ++pair) {
    pairs[pair * 2] = static_cast<char>('0' + pair / 10);
    pairs[pair * 2 + 1] = static_cast<char>('0' + pair % 10);
  }
  return pairs;
}();

int DigitCount(uint64_t value) {
  // log10(2) of the bits, and one more where that is beyond the next power of ten.
  const int bits = 64 - std::countl_zero(value | 1);
  const int count = (bits * 1233) >> 12;
  return count + (value >= kNaturalPowers[static_cast<size_t>(count)] ? 1 : 0) + (value == 0);
}

void WriteFour(size_t value, char* to) {
  std::memcpy(to, &kPairs[value / 100 * 2], 2);
  std::memcpy(to + 2, &kPairs[value % 100 * 2], 2);
}

void WriteEight(uint32_t value, char* to) {
  WriteFour(value / 10000, to);
  WriteFour(value % 10000, to + 4);
}

/// So many digits, from the last one on.
void WriteDigits(uint64_t value, int count, char* to) {
  char* at = to + count;
  for (; at - to >= 8; value /= 100000000) {
    WriteEight(static_cast<uint32_t>(value % 100000000), at -= 8);
  }
  auto rest = static_cast<size_t>(value);
  for (; at - to >= 2; rest /= 100) std::memcpy(at -= 2, &kPairs[rest % 100 * 2], 2);
  if (at > to) *to = static_cast<char>('0' + rest);
}

/// Digits with a point behind the first `whole` ones, of which there may be more than digits, up to
/// 21, or less than none, down to -5.
char* WriteFixed(uint64_t digits, int count, int whole, bool point, char* to) {
  if (whole <= 0) {
    std::memset(to, '0', 8);
    to[1] = '.';
    to += 2 - whole;
    WriteDigits(digits, count, to);
    return to + count;
  }
  WriteDigits(digits, count, to);
  if (whole < count) {
    std::memmove(to + whole + 1, to + whole, 16);
    to[whole] = '.';
    return to + count + 1;
  }
  std::memset(to + count, '0', 24);
  to += whole;
  if (point) {
    *to++ = '.';
    *to++ = '0';
  }
  return to;
}

/// d.ddde±x, with as many digits of the exponent at least.
char* WriteScientific(uint64_t digits, int count, int exponent, int exponent_digits, char* to) {
  WriteDigits(digits, count, to + 1);
  to[0] = to[1];
  if (count > 1) {
    to[1] = '.';
    to += count + 1;
  } else {
    ++to;
  }
  *to++ = 'e';
  *to++ = exponent < 0 ? '-' : '+';
  const int magnitude = exponent < 0 ? -exponent : exponent;
  if (magnitude < 10 && exponent_digits == 2) *to++ = '0';
  return WriteNatural(static_cast<uint64_t>(magnitude), to);
}

}  // namespace

char* WriteNatural(uint64_t value, char* to) {
  const int count = DigitCount(value);
  WriteDigits(value, count, to);
  return to + count;
}

char* WriteShortest(const DecimalDigits& number, bool point, char* to) {
  const int count = DigitCount(number.digits);
  const int whole = count + number.exponent;
  if (whole > 21 || whole < -5) return WriteScientific(number.digits, count, whole - 1, 1, to);
  return WriteFixed(number.digits, count, whole, point, to);
}

char* WriteGeneral(const DecimalDigits& number, int precision, char* to) {
  const int count = DigitCount(number.digits);
  const int exponent = count + number.exponent - 1;
  if (exponent < -4 || exponent >= precision) {
    return WriteScientific(number.digits, count, exponent, 2, to);
  }
  return WriteFixed(number.digits, count, exponent + 1, true, to);
}

}  // namespace onlite::numbers
