#include "core/numbers/powers_of_ten.h"

#include <bit>
#include <cstddef>

namespace onlite::numbers {
namespace {

constexpr size_t kNaturalWords = 31;

/// A natural number, least significant word first.
struct Natural {
  std::array<uint32_t, kNaturalWords> words{};
  size_t length = 1;
};

void TimesFive(Natural& number) noexcept {
  uint64_t carry = 0;
  for (size_t index = 0; index < number.length; ++index) {
    carry += uint64_t{number.words[index]} * 5;
    number.words[index] = static_cast<uint32_t>(carry);
    carry >>= 32;
  }
  if (carry > 0) number.words[number.length++] = static_cast<uint32_t>(carry);
}

void DivideByFive(Natural& number) noexcept {
  uint64_t rest = 0;
  for (size_t index = number.length; index-- > 0;) {
    rest = rest << 32 | number.words[index];
    number.words[index] = static_cast<uint32_t>(rest / 5);
    rest %= 5;
  }
  if (number.words[number.length - 1] == 0) --number.length;
}

/// Its first 128 bits.
UInt128 Leading(const Natural& number) noexcept {
  std::array<uint32_t, 5> top{};
  for (size_t index = 0; index < top.size() && index < number.length; ++index) {
    top[index] = number.words[number.length - 1 - index];
  }
  const int shift = std::countl_zero(top[0]);
  const auto word = [&](size_t index) {
    const uint64_t pair = uint64_t{top[index]} << 32 | top[index + 1];
    return pair << shift >> 32 & 0xffffffff;
  };
  return {word(0) << 32 | word(1), word(2) << 32 | word(3)};
}

/// A power of ten differs from that of five in its exponent alone. Those below one are quotients of
/// 2^960, which leaves the least of them more than 128 bits; a quotient's quotient, each rounded
/// down, is that of the product.
PowersOfTen ComputePowers() noexcept {
  PowersOfTen powers{};
  Natural power;
  power.words[0] = 1;
  for (int k = 0; k <= kGreatestPower; ++k) {
    powers[static_cast<size_t>(k - kLeastPower)] = Leading(power);
    TimesFive(power);
  }
  Natural quotient;
  quotient.length = kNaturalWords;
  quotient.words[kNaturalWords - 1] = 1;
  for (int k = -1; k >= kLeastPower; --k) {
    DivideByFive(quotient);
    powers[static_cast<size_t>(k - kLeastPower)] = Leading(quotient);
  }
  return powers;
}

}  // namespace

const PowersOfTen kPowersOfTen = ComputePowers();

}  // namespace onlite::numbers
