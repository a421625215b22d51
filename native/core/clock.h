#pragma once

#include <chrono>
#include <cstdint>

namespace onlite {

/// Nanoseconds of the monotonic clock.
inline int64_t MonotonicNow() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

}  // namespace onlite
