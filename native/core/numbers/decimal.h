#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>

namespace onlite::numbers {

/// A number as it is written in JSON.
struct Decimal {
  /// The first significant digits, 19 at most: with those that were cut off it is
  /// digits × 10^exponent.
  uint64_t digits = 0;
  int64_t exponent = 0;
  bool negative = false;
  /// Digits were cut off.
  bool truncated = false;
  /// Without fraction and exponent.
  bool integral = false;
  /// Of the last digit in the text.
  int64_t last_exponent = 0;
  /// The text of the digits, which may have one point.
  const char* text = nullptr;
  const char* text_end = nullptr;
};

inline constexpr int kMostDigits = 19;

inline bool IsDigit(char letter) { return static_cast<uint8_t>(letter - '0') < 10; }

/// 10^0 to 10^19.
inline constexpr auto kNaturalPowers = [] {
  std::array<uint64_t, 20> powers{};
  uint64_t power = 1;
  for (uint64_t& entry : powers) {
    entry = power;
    power *= 10;
  }
  return powers;
}();

/// Reads digits, up to eight at a time while there are so many bytes; `value` wraps.
inline const char* ReadDigits(const char* at, const char* end, uint64_t* value) {
  uint64_t read = *value;
  if constexpr (std::endian::native == std::endian::little) {
    while (end - at >= 8) {
      uint64_t eight = 0;
      std::memcpy(&eight, at, 8);
      const uint64_t digits = eight - 0x3030303030303030;
      // The first byte below '0' or beyond '9' sets its highest bit in one of the two.
      const uint64_t others = ((eight + 0x4646464646464646) | digits) & 0x8080808080808080;
      const int count = std::countr_zero(others) / 8;
      if (count == 0) break;
      // Before fewer digits come zeros. Adds pairs, pairs of pairs, and the two halves.
      const uint64_t aligned = digits << (64 - 8 * count);
      const uint64_t pairs = aligned * 10 + (aligned >> 8);
      const uint64_t outer = (pairs & 0x000000ff000000ff) * 0x000f424000000064;
      const uint64_t inner = (pairs >> 16 & 0x000000ff000000ff) * 0x0000271000000001;
      read = read * kNaturalPowers[static_cast<size_t>(count)] + ((outer + inner) >> 32);
      at += count;
      if (count < 8) {
        *value = read;
        return at;
      }
    }
  }
  while (at < end && IsDigit(*at)) read = read * 10 + static_cast<uint64_t>(*at++ - '0');
  *value = read;
  return at;
}

/// Of more than 19 digits takes the first significant ones.
void CutDigits(Decimal* decimal);

/// What a number is to an integer type.
enum class Wholeness { kWhole, kFraction, kTooLarge };

/// The number without its sign, exactly, if it is an integer of 64 bits.
Wholeness ReadWhole(const Decimal& decimal, uint64_t* magnitude);

/// magnitude × 10 + digit; false if that has more than 64 bits.
inline bool AppendDigit(uint64_t* magnitude, char digit) {
  const auto unit = static_cast<uint64_t>(digit - '0');
  if (*magnitude > (~uint64_t{0} - unit) / 10) return false;
  *magnitude = *magnitude * 10 + unit;
  return true;
}

/// Reads a number of JSON's grammar, which begins at `at` with '-' or a digit.
///
/// @return behind its last byte; null, with `*wrong` where it stopped being a number
inline const char* ReadDecimal(const char* at, const char* end, Decimal* decimal,
                               const char** wrong) {
  decimal->negative = *at == '-';
  at += decimal->negative ? 1 : 0;
  decimal->text = at;
  uint64_t digits = 0;
  if (at < end && *at == '0') {
    ++at;
    *wrong = at;
    if (at < end && IsDigit(*at)) return nullptr;
  } else {
    while (at < end && IsDigit(*at)) digits = digits * 10 + static_cast<uint64_t>(*at++ - '0');
    *wrong = at;
    if (at == decimal->text) return nullptr;
  }
  int64_t count = at - decimal->text;
  int64_t exponent = 0;
  decimal->integral = true;
  if (at < end && *at == '.') {
    const char* const fraction = ++at;
    at = ReadDigits(at, end, &digits);
    *wrong = at;
    if (at == fraction) return nullptr;
    exponent = fraction - at;
    count -= exponent;
    decimal->integral = false;
  }
  decimal->text_end = at;
  if (at < end && (*at == 'e' || *at == 'E')) {
    ++at;
    const bool negative = at < end && *at == '-';
    if (at < end && (*at == '-' || *at == '+')) ++at;
    const char* const first = at;
    int64_t written = 0;
    // Beyond that it outweighs any number of digits that memory holds.
    constexpr int64_t kHuge = int64_t{1} << 57;
    for (; at < end && IsDigit(*at); ++at) {
      if (written < kHuge) written = written * 10 + (*at - '0');
    }
    *wrong = at;
    if (at == first) return nullptr;
    exponent += negative ? -written : written;
    decimal->integral = false;
  }
  decimal->digits = digits;
  decimal->exponent = exponent;
  decimal->last_exponent = exponent;
  decimal->truncated = false;
  if (count > kMostDigits) CutDigits(decimal);
  return at;
}

}  // namespace onlite::numbers
