#pragma once

#include <mutex>
#include <thread>

namespace onlite {

/// Tells the processor that the thread only waits.
inline void PauseThread() {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__) && defined(__GNUC__)
  asm volatile("yield");
#else
  std::this_thread::yield();
#endif
}

/// Locks a mutex that is held for well under a microsecond at a time: looks again
/// a while before it has the system put the thread to sleep, which takes longer.
inline std::unique_lock<std::mutex> LockAdaptively(std::mutex& mutex) {
  constexpr int kAttempts = 100;
  for (int attempt = 0; attempt < kAttempts; ++attempt) {
    if (mutex.try_lock()) return {mutex, std::adopt_lock};
    PauseThread();
  }
  return std::unique_lock(mutex);
}

}  // namespace onlite
