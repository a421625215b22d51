#pragma once

#include <napi.h>

#include <set>

namespace onlite {

/// The page-locked memory of an environment. Its JavaScript memory is freed after the environment
/// has ended, and has to be unlocked before.
class PinnedMemory {
 public:
  PinnedMemory() = default;
  PinnedMemory(const PinnedMemory&) = delete;
  PinnedMemory& operator=(const PinnedMemory&) = delete;
  ~PinnedMemory() { UnpinAll(); }

  void Add(void* memory) { pinned_.insert(memory); }
  /// Nothing for what is not locked.
  void Unpin(void* memory);
  void UnpinAll();

 private:
  std::set<void*> pinned_;
};

/// pinMemory(view, library): page-locks a Uint8Array's memory for CUDA, whose driver `library`
/// names; an empty one only has the driver start. The caller keeps the memory until unpinMemory.
Napi::Value PinMemoryOf(const Napi::CallbackInfo& info);

/// unpinMemory(view): a Uint8Array of the same memory.
Napi::Value UnpinMemoryOf(const Napi::CallbackInfo& info);

}  // namespace onlite
