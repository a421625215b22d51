#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <mutex>
#include <set>
#include <vector>

#include "core/aligned_buffer.h"

namespace onlite::tflite {

/// What XNNPACK asks of whoever keeps packed weights for it: its
/// `xnn_weights_cache_provider`, of the versions for which CanProvideWeights
/// holds (delegate.h). An offset is a name for kept memory that the provider
/// chooses, SIZE_MAX for none.
struct WeightsProvider {
  void* context;
  /// Memory packed before under this key, or SIZE_MAX.
  size_t (*look_up)(void* context, const void* key);
  /// Memory to pack `bytes` into, or null.
  void* (*reserve_space)(void* context, size_t bytes);
  /// The offset of memory with the contents of what was packed at `data`.
  size_t (*look_up_or_insert)(void* context, const void* key, void* data, size_t bytes);
  /// Whether offsets stay as they are, which running needs.
  bool (*is_finalized)(void* context);
  void* (*offset_to_address)(void* context, size_t offset);
  int (*delete_cache)(void* context);
};

/// Packed weights, each kept once in memory that never moves. Told apart by
/// their contents and not by XNNPACK's keys, which are hashes and addresses: two
/// operators can share an address and differ in what is packed. Thread-safe.
class PackedWeights {
 public:
  PackedWeights();
  PackedWeights(const PackedWeights&) = delete;
  PackedWeights& operator=(const PackedWeights&) = delete;

  /// Valid for as long as this is.
  WeightsProvider* provider() { return &provider_; }

  /// Memory at tensor alignment for `bytes`, kept unless Keep finds it needless;
  /// null if there is none.
  void* Reserve(size_t bytes);

  /// The address of the kept memory with these contents: `data`, or another, and
  /// then `data`, which Reserve gave, is freed.
  void* Keep(void* data, size_t bytes);

  /// Bytes of the memory that is kept.
  size_t bytes();

 private:
  struct Contents {
    const uint8_t* data;
    size_t bytes;
    bool operator<(const Contents& other) const;
  };
  struct Buffer {
    AlignedBuffer memory;
    size_t bytes;
  };

  WeightsProvider provider_;
  std::mutex mutex_;
  std::vector<Buffer> buffers_;
  std::set<Contents> kept_;
};

}  // namespace onlite::tflite
