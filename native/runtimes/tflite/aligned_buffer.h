#pragma once

#include <cstddef>
#include <memory>
#include <new>

namespace onlite::tflite {

/// What TensorFlow Lite asks of memory it is to use in place.
inline constexpr size_t kTensorAlignment = 64;

/// Uninitialized memory at kTensorAlignment; null if there is not enough. An
/// empty buffer has an address too.
inline std::shared_ptr<void> AllocateAligned(size_t bytes) {
  constexpr std::align_val_t kAlignment{kTensorAlignment};
  void* data = ::operator new(bytes > 0 ? bytes : 1, kAlignment, std::nothrow);
  if (data == nullptr) return nullptr;
  return {data, [](void* memory) { ::operator delete(memory, kAlignment); }};
}

}  // namespace onlite::tflite
