#include "runtimes/ort/element_type.h"

#include <array>

namespace onlite::ort {
namespace {

struct Pair {
  ElementType ours;
  OnnxElementType theirs;
};

constexpr std::array<Pair, kElementTypeCount - 1> kPairs = {{
    {ElementType::kFloat32, kOnnxFloat},
    {ElementType::kFloat64, kOnnxDouble},
    {ElementType::kFloat16, kOnnxFloat16},
    {ElementType::kBFloat16, kOnnxBFloat16},
    {ElementType::kInt8, kOnnxInt8},
    {ElementType::kUInt8, kOnnxUInt8},
    {ElementType::kInt16, kOnnxInt16},
    {ElementType::kUInt16, kOnnxUInt16},
    {ElementType::kInt32, kOnnxInt32},
    {ElementType::kUInt32, kOnnxUInt32},
    {ElementType::kInt64, kOnnxInt64},
    {ElementType::kUInt64, kOnnxUInt64},
    {ElementType::kBool, kOnnxBool},
    {ElementType::kString, kOnnxString},
    {ElementType::kInt4, kOnnxInt4},
    {ElementType::kUInt4, kOnnxUInt4},
    {ElementType::kComplex64, kOnnxComplex64},
    {ElementType::kComplex128, kOnnxComplex128},
    {ElementType::kFloat8E4M3FN, kOnnxFloat8E4M3FN},
    {ElementType::kFloat8E4M3FNUZ, kOnnxFloat8E4M3FNUZ},
    {ElementType::kFloat8E5M2, kOnnxFloat8E5M2},
    {ElementType::kFloat8E5M2FNUZ, kOnnxFloat8E5M2FNUZ},
    {ElementType::kFloat4E2M1, kOnnxFloat4E2M1},
    {ElementType::kInt2, kOnnxInt2},
    {ElementType::kUInt2, kOnnxUInt2},
}};

}  // namespace

ElementType FromOnnx(OnnxElementType type) {
  for (const Pair& pair : kPairs) {
    if (pair.theirs == type) return pair.ours;
  }
  return ElementType::kUndefined;
}

OnnxElementType ToOnnx(ElementType type) {
  for (const Pair& pair : kPairs) {
    if (pair.ours == type) return pair.theirs;
  }
  return kOnnxUndefined;
}

}  // namespace onlite::ort
