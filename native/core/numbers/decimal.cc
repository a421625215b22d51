#include "core/numbers/decimal.h"

namespace onlite::numbers {

void CutDigits(Decimal* decimal) {
  const char* at = decimal->text;
  const char* const end = decimal->text_end;
  while (at < end && (*at == '0' || *at == '.')) ++at;
  uint64_t digits = 0;
  int taken = 0;
  for (; at < end && taken < kMostDigits; ++at) {
    if (*at == '.') continue;
    digits = digits * 10 + static_cast<uint64_t>(*at - '0');
    ++taken;
  }
  decimal->digits = digits;
  for (; at < end; ++at) {
    if (*at == '.') continue;
    ++decimal->exponent;
    if (*at != '0') decimal->truncated = true;
  }
}

Wholeness ReadWhole(const Decimal& decimal, uint64_t* magnitude) {
  *magnitude = 0;
  int64_t exponent = decimal.last_exponent;
  const char* end = decimal.text_end;
  for (; end > decimal.text && (end[-1] == '0' || end[-1] == '.'); --end) {
    if (end[-1] == '0') ++exponent;
  }
  if (end == decimal.text) return Wholeness::kWhole;
  if (exponent < 0) return Wholeness::kFraction;
  for (const char* at = decimal.text; at < end; ++at) {
    if (*at != '.' && !AppendDigit(magnitude, *at)) return Wholeness::kTooLarge;
  }
  // It is not zero, so that this ends.
  for (; exponent > 0; --exponent) {
    if (!AppendDigit(magnitude, '0')) return Wholeness::kTooLarge;
  }
  return Wholeness::kWhole;
}

}  // namespace onlite::numbers
