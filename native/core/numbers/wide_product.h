#pragma once

#include <cstdint>

#if defined(_MSC_VER) && defined(_M_X64) && !defined(__clang__)
#include <intrin.h>
#endif

namespace onlite::numbers {

/// high × 2^64 + low.
struct UInt128 {
  uint64_t high = 0;
  uint64_t low = 0;
};

inline UInt128 Multiply(uint64_t a, uint64_t b) {
#if defined(__SIZEOF_INT128__)
  __extension__ using Wide = unsigned __int128;
  const Wide product = static_cast<Wide>(a) * b;
  return {static_cast<uint64_t>(product >> 64), static_cast<uint64_t>(product)};
#elif defined(_MSC_VER) && defined(_M_X64)
  UInt128 product;
  product.low = _umul128(a, b, &product.high);
  return product;
#else
  const uint64_t a0 = a & 0xffffffff;
  const uint64_t a1 = a >> 32;
  const uint64_t b0 = b & 0xffffffff;
  const uint64_t b1 = b >> 32;
  const uint64_t middle = a1 * b0 + (a0 * b0 >> 32);
  const uint64_t other = a0 * b1 + (middle & 0xffffffff);
  return {a1 * b1 + (middle >> 32) + (other >> 32), a * b};
#endif
}

/// high × 2^128 + middle × 2^64 + low.
struct UInt192 {
  uint64_t high = 0;
  uint64_t middle = 0;
  uint64_t low = 0;
};

inline UInt192 Multiply(uint64_t a, const UInt128& b) {
  const UInt128 upper = Multiply(a, b.high);
  const UInt128 lower = Multiply(a, b.low);
  const uint64_t middle = upper.low + lower.high;
  return {upper.high + (middle < upper.low ? 1 : 0), middle, lower.low};
}

/// a + b, which must fit.
inline UInt192 Add(const UInt192& a, uint64_t b) {
  UInt192 sum = a;
  sum.low += b;
  if (sum.low < b && ++sum.middle == 0) ++sum.high;
  return sum;
}

}  // namespace onlite::numbers
