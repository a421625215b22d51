#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "core/status.h"

namespace onlite {

/// One GPU at one moment.
struct GpuSample {
  std::string uuid;
  std::string name;
  /// -1: the driver does not say.
  int64_t total_bytes = -1;
  int64_t used_bytes = -1;
  /// Of the driver's last sampling period (up to a second), in percent; -1: unknown.
  int32_t busy_percent = -1;
  int32_t memory_busy_percent = -1;
};

/// Asks NVIDIA's management library, opened from `library` (a path, or a name for
/// the loader's own search) at the first call that finds it and used ever after.
/// kRuntimeNotFound if there is none or it does not start, as without a driver.
/// Thread-safe. Slow at first (the driver may have to wake the device) and perhaps
/// later: not for the JS thread.
Status SampleNvidiaGpus(const std::string& library, std::vector<GpuSample>* samples);

}  // namespace onlite
