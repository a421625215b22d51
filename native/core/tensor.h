#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "core/dtype.h"

namespace onlite {

using Dims = std::vector<int64_t>;

/// Whether a dim is 0, so that a tensor of this shape has no elements.
bool IsEmpty(const Dims& dims);

/// "[1,3,224,?]": for messages. A negative dim is dynamic.
std::string DimsToString(const Dims& dims);

/// A dense row-major tensor somewhere in memory. It does not own `data`, which
/// must stay valid and unchanged for as long as the view is used. For kString
/// the elements are in `strings` (UTF-8, may hold NUL bytes) and `data` is null.
struct TensorView {
  ElementType type = ElementType::kUndefined;
  Dims dims;
  void* data = nullptr;
  size_t byte_length = 0;
  std::vector<std::string> strings;
  /// Bytes behind the tensor that can be read, whatever they hold; 0 where that is
  /// not known. It belongs to `data` and is set whenever that is.
  size_t readable_beyond = 0;
};

/// Whether the memory of two tensors has a byte in common.
bool Overlap(const TensorView& a, const TensorView& b);

/// What a run produced. A tensor's memory is kept alive by `owner`; when the
/// run wrote into memory the caller had provided, `owner` is null.
/// Sequences nest; a map has its keys in `items[0]` and its values in
/// `items[1]`, as an ONNX map has.
struct Value {
  enum class Kind : uint8_t { kNone, kTensor, kSequence, kMap };

  Kind kind = Kind::kNone;
  TensorView tensor;
  std::shared_ptr<void> owner;
  std::vector<Value> items;
};

}  // namespace onlite
