#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <memory>

namespace onlite::numbers {

/// Memory for a result whose length shows only at its end: its own, which grows, or somebody
/// else's, which does not.
class ByteBuffer {
 public:
  ByteBuffer() = default;
  ByteBuffer(void* memory, size_t capacity)
      : data_(static_cast<uint8_t*>(memory)), capacity_(capacity), fixed_(true) {}

  uint8_t* data() { return data_; }
  size_t capacity() const { return capacity_; }
  bool is_fixed() const { return fixed_; }

  /// Makes room for so many bytes, and for as many as it has once more up to `limit`. False, with
  /// everything as it was, if there is none.
  bool Reserve(size_t bytes, size_t limit) {
    if (bytes <= capacity_) return true;
    if (fixed_ || bytes > limit) return false;
    const size_t doubled = capacity_ > limit / 2 ? limit : capacity_ * 2;
    const size_t wanted = std::max(bytes, doubled);
    auto* const grown = static_cast<uint8_t*>(std::realloc(owned_.get(), wanted));
    if (grown == nullptr) return false;
    static_cast<void>(owned_.release());
    owned_.reset(grown);
    data_ = grown;
    capacity_ = wanted;
    return true;
  }

 private:
  struct Free {
    void operator()(uint8_t* memory) const { std::free(memory); }
  };

  std::unique_ptr<uint8_t, Free> owned_;
  uint8_t* data_ = nullptr;
  size_t capacity_ = 0;
  bool fixed_ = false;
};

}  // namespace onlite::numbers
