#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <functional>
#include <thread>

namespace onlite {

/// Keeps the end of the process and work of the runtimes' apart: exit() destroys
/// static objects that other threads may be using. Opening a library, and making
/// or destroying a session, use many of them (ONNX Runtime crashes); a run reads a
/// few. All such work passes through the gate; before exit() the gate is closed,
/// which lets nothing more in and waits for what is inside, a limited time: what goes on
/// nevertheless must not see exit() run (core/quick_exit.h). Thread-safe, without a lock;
/// one a process, never destroyed.
class ExitGate {
 public:
  static ExitGate& Process() {
    static auto* const gate = new ExitGate();
    return *gate;
  }

  /// False once the gate is closed: the work must not be begun.
  [[nodiscard]] bool Enter() {
    inside_.fetch_add(1);
    if (!closed_.load()) return true;
    inside_.fetch_sub(1);
    return false;
  }

  void Leave() { inside_.fetch_sub(1); }

  bool busy() const { return inside_.load() != 0; }

  /// Close has waited in vain.
  bool expired() const { return expired_.load(); }

  /// False if work goes on. `cancel` is called if it does for a while.
  bool Close(const std::function<void()>& cancel) {
    closed_.store(true);
    if (Await(kPatience)) return true;
    cancel();
    if (Await(kLastPatience)) return true;
    expired_.store(true);
    return false;
  }

 private:
  static constexpr std::chrono::milliseconds kPatience{200};
  static constexpr std::chrono::milliseconds kLastPatience{1800};

  bool Await(std::chrono::milliseconds patience) const {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (busy()) {
      if (std::chrono::steady_clock::now() >= until) return false;
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
    return true;
  }

  std::atomic<bool> closed_{false};
  std::atomic<bool> expired_{false};
  std::atomic<size_t> inside_{0};
};

}  // namespace onlite
