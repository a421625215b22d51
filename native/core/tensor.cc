#include "core/tensor.h"

#include <algorithm>

namespace onlite {

bool IsEmpty(const Dims& dims) { return std::find(dims.begin(), dims.end(), 0) != dims.end(); }

std::string DimsToString(const Dims& dims) {
  std::string text = "[";
  for (size_t index = 0; index < dims.size(); ++index) {
    if (index > 0) text += ',';
    text += dims[index] < 0 ? "?" : std::to_string(dims[index]);
  }
  return text + "]";
}

bool Overlap(const TensorView& a, const TensorView& b) {
  if (a.byte_length == 0 || b.byte_length == 0) return false;
  const auto begin_a = reinterpret_cast<uintptr_t>(a.data);
  const auto begin_b = reinterpret_cast<uintptr_t>(b.data);
  return begin_a < begin_b + b.byte_length && begin_b < begin_a + a.byte_length;
}

}  // namespace onlite
