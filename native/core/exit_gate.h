#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <functional>
#include <mutex>
#include <thread>

namespace onlite {

/// Keeps the end of the process and work of the runtimes' apart: exit() destroys
/// static objects that other threads may be using. Opening a library, and making
/// or destroying a session, use many of them (ONNX Runtime crashes); a run reads a
/// few. All such work passes through the gate; before exit() the gate is closed,
/// which lets nothing more in and waits for what is inside: for the first kind
/// until it has ended, for runs a limited time. Thread-safe; one a process, never
/// destroyed.
class ExitGate {
 public:
  static ExitGate& Process() {
    static auto* const gate = new ExitGate();
    return *gate;
  }

  /// False once the gate is closed: the work must not be begun.
  [[nodiscard]] bool Enter() {
    const std::lock_guard lock(mutex_);
    if (closed_.load(std::memory_order_relaxed)) return false;
    ++inside_;
    return true;
  }

  void Leave() {
    const std::lock_guard lock(mutex_);
    if (--inside_ == 0) empty_.notify_all();
  }

  /// The same for a run, without a lock.
  [[nodiscard]] bool EnterRun() {
    runs_.fetch_add(1);
    if (!closed_.load()) return true;
    runs_.fetch_sub(1);
    return false;
  }

  void LeaveRun() { runs_.fetch_sub(1); }

  /// `cancel_runs` is called if runs go on for a while.
  void Close(const std::function<void()>& cancel_runs) {
    {
      std::unique_lock lock(mutex_);
      closed_.store(true);
      empty_.wait(lock, [this] { return inside_ == 0; });
    }
    if (AwaitRuns(kPatience)) return;
    cancel_runs();
    AwaitRuns(kLastPatience);
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{200};
  static constexpr std::chrono::milliseconds kLastPatience{2000};

  bool AwaitRuns(std::chrono::milliseconds patience) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (runs_.load() != 0) {
      if (std::chrono::steady_clock::now() >= until) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
  }

  std::mutex mutex_;
  std::condition_variable empty_;
  size_t inside_ = 0;
  std::atomic<bool> closed_{false};
  std::atomic<size_t> runs_{0};
};

}  // namespace onlite
