#pragma once

#include <condition_variable>
#include <cstddef>
#include <mutex>

namespace onlite {

/// Keeps the end of the process and work that it must not overtake apart.
/// Opening a library, and making or destroying a session, use static objects of
/// the runtime's, which exit() destroys under the feet of other threads (runs
/// do not: DESIGN §5). Such work passes through the gate; before exit() the gate
/// is closed, which waits for what is inside and lets nothing more in.
/// Thread-safe; one a process, never destroyed.
class ExitGate {
 public:
  static ExitGate& Process() {
    static auto* const gate = new ExitGate();
    return *gate;
  }

  /// False once the gate is closed: the work must not be begun.
  [[nodiscard]] bool Enter() {
    const std::lock_guard lock(mutex_);
    if (closed_) return false;
    ++inside_;
    return true;
  }

  void Leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }

  void Close() {
    std::unique_lock lock(mutex_);
    closed_ = true;
    empty_.wait(lock, [this] { return inside_ == 0; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable empty_;
  size_t inside_ = 0;
  bool closed_ = false;
};

}  // namespace onlite
