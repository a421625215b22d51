#include "runtimes/tflite/xnnpack/packed_weights.h"

#include <algorithm>
#include <cstring>
#include <iterator>
#include <new>
#include <utility>

namespace onlite::tflite {
namespace {

constexpr size_t kNone = SIZE_MAX;

}  // namespace

bool PackedWeights::Contents::operator<(const Contents& other) const {
  if (bytes != other.bytes) return bytes < other.bytes;
  return std::memcmp(data, other.data, bytes) < 0;
}

// Addresses serve as offsets, so that running needs no lock.
PackedWeights::PackedWeights()
    : provider_{this,
                [](void* /*context*/, const void* /*key*/) { return kNone; },
                [](void* context, size_t bytes) {
                  return static_cast<PackedWeights*>(context)->Reserve(bytes);
                },
                [](void* context, const void* /*key*/, void* data, size_t bytes) {
                  void* kept = static_cast<PackedWeights*>(context)->Keep(data, bytes);
                  return static_cast<size_t>(reinterpret_cast<uintptr_t>(kept));
                },
                [](void* /*context*/) { return true; },
                [](void* /*context*/, size_t offset) {
                  // NOLINTNEXTLINE(performance-no-int-to-ptr): an address that Keep gave
                  return reinterpret_cast<void*>(offset);
                },
                [](void* /*context*/) { return 0; }} {}

void* PackedWeights::Reserve(size_t bytes) {
  if (bytes > SIZE_MAX - kReadBeyond) return nullptr;
  AlignedBuffer memory = AllocateAligned(bytes + kReadBeyond);
  if (memory == nullptr) return nullptr;
  void* data = memory.get();
  const std::lock_guard lock(mutex_);
  try {
    buffers_.push_back({std::move(memory), bytes});
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
  return data;
}

void* PackedWeights::Keep(void* data, size_t bytes) {
  const std::lock_guard lock(mutex_);
  const auto reserved = std::find_if(buffers_.rbegin(), buffers_.rend(), [&](const Buffer& buffer) {
    return buffer.memory.get() == data;
  });
  if (reserved == buffers_.rend() || reserved->bytes < bytes) return data;
  try {
    const auto [same, is_new] = kept_.insert({static_cast<const uint8_t*>(data), bytes});
    if (is_new) return data;
    void* kept = const_cast<uint8_t*>(same->data);
    if (kept == data) return data;
    buffers_.erase(std::next(reserved).base());
    return kept;
  } catch (const std::bad_alloc&) {
    return data;  // kept, and not found again
  }
}

size_t PackedWeights::bytes() {
  const std::lock_guard lock(mutex_);
  size_t sum = 0;
  for (const Buffer& buffer : buffers_) sum += buffer.bytes;
  return sum;
}

}  // namespace onlite::tflite
