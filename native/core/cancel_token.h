#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <utility>

namespace onlite {

/// Carries a request to stop from any thread to a run. The runtime adapter
/// registers how its run is stopped; whoever cancels calls that at most once.
/// Thread-safe. After `Disarm` returned, the registered function is not running
/// and never will be.
class CancelToken {
 public:
  /// Asks the run to stop; remembered if the run has not started yet.
  void Cancel() {
    const std::lock_guard lock(mutex_);
    if (cancelled_.exchange(true)) return;
    if (stop_) stop_();
  }

  bool cancelled() const { return cancelled_.load(); }

  /// For another run. Nobody else may be using the token.
  void Reset() { cancelled_ = false; }

  /// Registers how to stop; false if the run was cancelled before (then `stop`
  /// is not kept and the run should not start).
  [[nodiscard]] bool Arm(std::function<void()> stop) {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return false;
    stop_ = std::move(stop);
    return true;
  }

  void Disarm() {
    const std::lock_guard lock(mutex_);
    stop_ = nullptr;
  }

 private:
  std::mutex mutex_;
  std::atomic<bool> cancelled_{false};
  std::function<void()> stop_;
};

}  // namespace onlite
