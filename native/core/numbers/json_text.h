#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace onlite::numbers {

inline const char* SkipSpace(const char* at, const char* end) {
  while (at < end && (*at == ' ' || *at == '\n' || *at == '\r' || *at == '\t')) ++at;
  return at;
}

/// Whether the text goes on with a word; what follows is not looked at.
inline bool StartsWith(const char* at, const char* end, std::string_view word) {
  return static_cast<size_t>(end - at) >= word.size() && std::string_view(at, word.size()) == word;
}

/// What a value begins like.
enum class TextKind : uint8_t { kEnd, kArray, kValue, kOther };

TextKind KindOf(const char* at, const char* end);

/// The same for a message: "a string", "null", "'x'", "the end".
std::string Describe(const char* at, const char* end);

/// A number of the text for a message, shortened.
std::string Excerpt(const char* at, const char* end);

}  // namespace onlite::numbers
