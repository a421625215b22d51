#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtimes/tflite/model/flatbuffer.h"

namespace onlite::tflite {

/// The most that a tensor which is fed or computed may have, as the file format
/// limits a constant: a damaged shape makes the runtime ask for all of it.
inline constexpr size_t kMaxTensorBytes = INT32_MAX;

struct TensorFacts {
  /// It has a buffer with data, which nothing may write.
  bool constant = false;
  bool variable = false;
  /// Its declared shape has no elements.
  bool empty = false;
};

/// One tensor of the file (verifier.h): shape, buffer, quantization, sparsity.
TensorFacts VerifyTensor(FlatBuffer* file, const FlatTable& tensor,
                         const std::vector<std::span<const uint8_t>>& buffers);

}  // namespace onlite::tflite
