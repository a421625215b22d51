#include "runtimes/tflite/model/strings.h"

#include <cstring>
#include <limits>

namespace onlite::tflite {
namespace {

int32_t LoadInt(std::span<const uint8_t> bytes, size_t index) {
  int32_t value;
  std::memcpy(&value, bytes.data() + index * sizeof(value), sizeof(value));
  return value;
}

}  // namespace

bool EncodeStrings(const std::vector<std::string>& strings, std::vector<uint8_t>* packed) {
  size_t total = (strings.size() + 2) * sizeof(int32_t);
  for (const std::string& text : strings) total += text.size();
  if (total > static_cast<size_t>(std::numeric_limits<int32_t>::max())) return false;
  packed->resize(total);
  size_t word = 0;
  const auto store = [&](size_t value) {
    const auto narrow = static_cast<int32_t>(value);
    std::memcpy(packed->data() + word++ * sizeof(narrow), &narrow, sizeof(narrow));
  };
  store(strings.size());
  size_t offset = (strings.size() + 2) * sizeof(int32_t);
  for (const std::string& text : strings) {
    store(offset);
    if (!text.empty()) std::memcpy(packed->data() + offset, text.data(), text.size());
    offset += text.size();
  }
  store(offset);
  return true;
}

bool DecodeStrings(std::span<const uint8_t> packed, size_t count,
                   std::vector<std::string>* strings) {
  strings->clear();
  // A tensor without elements may have no buffer at all.
  if (count == 0 && packed.empty()) return true;
  if (packed.size() / sizeof(int32_t) < 2 || count > packed.size() / sizeof(int32_t) - 2) {
    return false;
  }
  const int32_t stored = LoadInt(packed, 0);
  if (stored < 0 || static_cast<size_t>(stored) != count) return false;
  strings->reserve(count);
  for (size_t index = 0; index < count; ++index) {
    const int64_t begin = LoadInt(packed, index + 1);
    const int64_t end = LoadInt(packed, index + 2);
    if (begin < 0 || end < begin || static_cast<size_t>(end) > packed.size()) return false;
    strings->emplace_back(reinterpret_cast<const char*>(packed.data()) + begin,
                          static_cast<size_t>(end - begin));
  }
  return true;
}

}  // namespace onlite::tflite
