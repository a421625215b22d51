#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace onlite::numbers {

/// A natural number of up to 4096 bits, for what 192 bits do not decide: 800 digits take 2658 of
/// them, and so does the power of five that they are compared with.
class BigNatural {
 public:
  explicit BigNatural(uint64_t value) {
    words_[0] = static_cast<uint32_t>(value);
    words_[1] = static_cast<uint32_t>(value >> 32);
    length_ = words_[1] != 0 ? 2 : words_[0] != 0 ? 1 : 0;
  }

  void MultiplyAndAdd(uint32_t factor, uint32_t term) {
    uint64_t carry = term;
    for (size_t index = 0; index < length_; ++index) {
      carry += uint64_t{words_[index]} * factor;
      words_[index] = static_cast<uint32_t>(carry);
      carry >>= 32;
    }
    if (carry > 0) Push(static_cast<uint32_t>(carry));
  }

  void MultiplyByPowerOfFive(int exponent) {
    constexpr int kMost = 13;
    constexpr uint32_t kFiveToTheMost = 1220703125;
    for (; exponent >= kMost; exponent -= kMost) MultiplyAndAdd(kFiveToTheMost, 0);
    for (; exponent > 0; --exponent) MultiplyAndAdd(5, 0);
  }

  void ShiftLeft(int bits) {
    MultiplyAndAdd(uint32_t{1} << (bits % 32), 0);
    const auto words = static_cast<size_t>(bits / 32);
    if (length_ == 0 || words == 0 || length_ + words > kWords) return;
    for (size_t index = length_; index-- > 0;) words_[index + words] = words_[index];
    for (size_t index = 0; index < words; ++index) words_[index] = 0;
    length_ += words;
  }

  /// -1, 0 or 1.
  int Compare(const BigNatural& other) const {
    if (length_ != other.length_) return length_ < other.length_ ? -1 : 1;
    for (size_t index = length_; index-- > 0;) {
      if (words_[index] != other.words_[index]) {
        return words_[index] < other.words_[index] ? -1 : 1;
      }
    }
    return 0;
  }

 private:
  static constexpr size_t kWords = 128;

  void Push(uint32_t word) {
    if (length_ < kWords) words_[length_++] = word;
  }

  std::array<uint32_t, kWords> words_{};
  size_t length_ = 0;
};

/// Compares decimal × 10^decimal_exponent with binary × 2^binary_exponent: -1, 0 or 1.
inline int CompareExactly(BigNatural decimal, int decimal_exponent, uint64_t binary,
                          int binary_exponent) {
  BigNatural other(binary);
  if (decimal_exponent >= 0) {
    decimal.MultiplyByPowerOfFive(decimal_exponent);
  } else {
    other.MultiplyByPowerOfFive(-decimal_exponent);
  }
  const int shift = decimal_exponent - binary_exponent;
  if (shift >= 0) {
    decimal.ShiftLeft(shift);
  } else {
    other.ShiftLeft(-shift);
  }
  return decimal.Compare(other);
}

}  // namespace onlite::numbers
