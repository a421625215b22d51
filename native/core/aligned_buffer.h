#pragma once

#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>
#include <new>

namespace onlite {

/// What both runtimes are content with for any tensor (TFLite insists on it
/// for memory it uses in place).
inline constexpr size_t kTensorAlignment = 64;

/// What TFLite must be able to read, and never uses, behind a tensor that it uses
/// in place (XNN_EXTRA_BYTES, rounded up).
inline constexpr size_t kReadBeyond = 64;

/// The smallest page of any system.
inline constexpr uintptr_t kSmallestPage = 4096;

/// Whether so much behind the memory may be of another page than its end, and so
/// perhaps of none.
inline bool EndsWithPage(const void* data, size_t bytes) {
  const uintptr_t end = reinterpret_cast<uintptr_t>(data) + bytes;
  return bytes == 0 || (end - 1) / kSmallestPage != (end + kReadBeyond - 1) / kSmallestPage;
}

constexpr size_t AlignUp(size_t bytes) {
  return (bytes + kTensorAlignment - 1) & ~(kTensorAlignment - 1);
}

struct AlignedDelete {
  void operator()(uint8_t* data) const {
    ::operator delete[](data, std::align_val_t{kTensorAlignment});
  }
};

/// Uninitialised memory at tensor alignment; null when there is none to be had.
/// Never of length 0, so that a tensor without elements has an address too.
using AlignedBuffer = std::unique_ptr<uint8_t[], AlignedDelete>;

inline AlignedBuffer AllocateAligned(size_t bytes) {
  return AlignedBuffer(static_cast<uint8_t*>(
      ::operator new[](bytes == 0 ? 1 : bytes, std::align_val_t{kTensorAlignment}, std::nothrow)));
}

}  // namespace onlite
