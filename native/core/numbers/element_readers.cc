#include "core/numbers/element_readers.h"

namespace onlite::numbers {

const char* ReadIntegerCarefully(const char* at, const char* end, const NumberRules& rules,
                                 const IntegerLimits& limits, uint64_t* magnitude,
                                 Mistake* mistake) {
  Decimal decimal;
  const char* wrong = at;
  const char* const after =
      *at == '-' || IsDigit(*at) ? ReadDecimal(at, end, &decimal, &wrong) : nullptr;
  if (after == nullptr) {
    *mistake = {wrong > at ? Missing(wrong, end) : "an integer", wrong, nullptr};
    return nullptr;
  }
  const Wholeness wholeness = decimal.integral || rules.whole_numbers
                                  ? ReadWhole(decimal, magnitude)
                                  : Wholeness::kFraction;
  if (wholeness == Wholeness::kFraction) {
    *mistake = {"an integer", at, after};
    return nullptr;
  }
  const uint64_t limit = decimal.negative ? limits.negative : limits.positive;
  if (wholeness == Wholeness::kTooLarge || *magnitude > limit) {
    const std::string least = limits.negative > 0 ? "-" + std::to_string(limits.negative) : "0";
    *mistake = {"an integer from " + least + " to " + std::to_string(limits.positive), at, after};
    return nullptr;
  }
  return after;
}

}  // namespace onlite::numbers
