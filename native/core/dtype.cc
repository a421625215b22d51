#include "core/dtype.h"

#include <array>
#include <limits>

namespace onlite {
namespace {

struct ElementTypeRow {
  std::string_view name;
  size_t bits;
};

constexpr std::array<ElementTypeRow, kElementTypeCount> kRows = {{
    {"undefined", 0},      {"float32", 32},   {"float64", 64},       {"float16", 16},
    {"bfloat16", 16},      {"int8", 8},       {"uint8", 8},          {"int16", 16},
    {"uint16", 16},        {"int32", 32},     {"uint32", 32},        {"int64", 64},
    {"uint64", 64},        {"bool", 8},       {"string", 0},         {"int4", 4},
    {"uint4", 4},          {"complex64", 64}, {"complex128", 128},   {"float8e4m3fn", 8},
    {"float8e4m3fnuz", 8}, {"float8e5m2", 8}, {"float8e5m2fnuz", 8}, {"float4e2m1", 4},
    {"int2", 2},           {"uint2", 2},
}};

const ElementTypeRow& Row(ElementType type) {
  const auto index = static_cast<size_t>(type);
  return index < kRows.size() ? kRows[index] : kRows[0];
}

}  // namespace

std::string_view ElementTypeName(ElementType type) { return Row(type).name; }

ElementType ElementTypeFromName(std::string_view name) {
  for (size_t index = 1; index < kRows.size(); ++index) {
    if (kRows[index].name == name) return static_cast<ElementType>(index);
  }
  return ElementType::kUndefined;
}

size_t ElementBits(ElementType type) { return Row(type).bits; }

std::optional<size_t> ElementCount(std::span<const int64_t> dims) {
  size_t count = 1;
  bool empty = false;
  for (const int64_t dim : dims) {
    if (dim < 0) return std::nullopt;
    if (dim == 0) {
      empty = true;
      continue;
    }
    const auto factor = static_cast<uint64_t>(dim);
    if (factor > std::numeric_limits<size_t>::max() / count) return std::nullopt;
    count *= factor;
  }
  return empty ? 0 : count;
}

std::optional<size_t> TensorBytes(ElementType type, std::span<const int64_t> dims) {
  const size_t bits = ElementBits(type);
  const std::optional<size_t> count = ElementCount(dims);
  if (bits == 0 || !count) return std::nullopt;
  if (bits >= 8) {
    const size_t bytes = bits / 8;
    if (*count > std::numeric_limits<size_t>::max() / bytes) return std::nullopt;
    return *count * bytes;
  }
  const size_t per_byte = 8 / bits;
  return *count / per_byte + (*count % per_byte != 0 ? 1 : 0);
}

}  // namespace onlite
