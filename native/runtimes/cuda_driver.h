#pragma once

#include <cstddef>
#include <string>

#include "core/status.h"

namespace onlite {

/// Page-locks memory for every CUDA device: they read and write it without the driver's copy in
/// between. It must be unlocked before it is freed. The driver is opened from `library`, a name for
/// the loader's own search, at the first call that finds it. Nothing is locked of 0 bytes.
/// kUnsupported without a driver or a device; kOutOfMemory if the memory cannot be locked.
/// Thread-safe. Slow at first: the driver starts.
Status PinMemory(const std::string& library, void* memory, size_t bytes);

/// Unlocks what PinMemory has locked.
void UnpinMemory(void* memory);

}  // namespace onlite
