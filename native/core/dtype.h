#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string_view>

namespace onlite {

/// Every element type that either runtime knows. The numeric value is shared
/// with lib/engine/tensor/element-type.ts: append only.
enum class ElementType : uint8_t {
  kUndefined = 0,
  kFloat32 = 1,
  kFloat64 = 2,
  kFloat16 = 3,
  kBFloat16 = 4,
  kInt8 = 5,
  kUInt8 = 6,
  kInt16 = 7,
  kUInt16 = 8,
  kInt32 = 9,
  kUInt32 = 10,
  kInt64 = 11,
  kUInt64 = 12,
  kBool = 13,
  kString = 14,
  kInt4 = 15,   // two elements a byte, low nibble first
  kUInt4 = 16,  // two elements a byte, low nibble first
  kComplex64 = 17,
  kComplex128 = 18,
  kFloat8E4M3FN = 19,
  kFloat8E4M3FNUZ = 20,
  kFloat8E5M2 = 21,
  kFloat8E5M2FNUZ = 22,
  kFloat4E2M1 = 23,  // two elements a byte, low nibble first
  kInt2 = 24,        // four elements a byte
  kUInt2 = 25,       // four elements a byte
};

inline constexpr size_t kElementTypeCount = 26;

/// "float32", "int4", …: the names of the public API.
std::string_view ElementTypeName(ElementType type);

/// The inverse of ElementTypeName; kUndefined for an unknown name.
ElementType ElementTypeFromName(std::string_view name);

/// Bits of one element; 0 for strings and kUndefined.
size_t ElementBits(ElementType type);

/// The number of elements of a shape (1 for a scalar); nothing if a dim is
/// negative or the product does not fit.
std::optional<size_t> ElementCount(std::span<const int64_t> dims);

/// Bytes of a dense row-major tensor, sub-byte types rounded up to whole
/// bytes; nothing for strings, negative dims and overflow.
std::optional<size_t> TensorBytes(ElementType type, std::span<const int64_t> dims);

}  // namespace onlite
