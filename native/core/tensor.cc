#include "core/tensor.h"

namespace onlite {

std::string DimsToString(const Dims& dims) {
  std::string text = "[";
  for (size_t index = 0; index < dims.size(); ++index) {
    if (index > 0) text += ',';
    text += dims[index] < 0 ? "?" : std::to_string(dims[index]);
  }
  return text + "]";
}

}  // namespace onlite
