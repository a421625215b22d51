#include "core/numbers/json_text.h"

#include <array>

#include "core/numbers/decimal.h"

namespace onlite::numbers {
namespace {

constexpr std::array<std::string_view, 6> kWords = {"null", "true",     "false",
                                                    "NaN",  "Infinity", "-Infinity"};

std::string_view WordAt(const char* at, const char* end) {
  for (const std::string_view word : kWords) {
    if (StartsWith(at, end, word)) return word;
  }
  return {};
}

}  // namespace

TextKind KindOf(const char* at, const char* end) {
  if (at >= end) return TextKind::kEnd;
  if (*at == '[') return TextKind::kArray;
  const bool is_value = *at == '"' || *at == '{' || *at == '-' || IsDigit(*at);
  return is_value || !WordAt(at, end).empty() ? TextKind::kValue : TextKind::kOther;
}

std::string Describe(const char* at, const char* end) {
  if (at >= end) return "the end";
  if (const std::string_view word = WordAt(at, end); !word.empty()) return std::string(word);
  switch (*at) {
    case '[': return "an array";
    case '{': return "an object";
    case '"': return "a string";
    default: break;
  }
  if (IsDigit(*at)) return "a number";
  if (*at >= ' ' && *at <= '~') return std::string("'") + *at + "'";
  constexpr std::string_view kHex = "0123456789abcdef";
  const auto byte = static_cast<uint8_t>(*at);
  return std::string("the byte 0x") + kHex[byte >> 4] + kHex[byte & 15];
}

std::string Excerpt(const char* at, const char* end) {
  constexpr int64_t kShown = 40;
  if (end - at <= kShown) return {at, end};
  return std::string(at, at + kShown) + "…";
}

}  // namespace onlite::numbers
