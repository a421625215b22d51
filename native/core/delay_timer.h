#pragma once

#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <mutex>

namespace onlite {

/// Calls functions at a time, on one thread of its own, which starts with the
/// first of them and sleeps while there is none. Thread-safe. One a process,
/// never destroyed, its thread detached (docs/architecture.md, Threads and exit).
class DelayTimer {
 public:
  using Clock = std::chrono::steady_clock;

  static DelayTimer& Process();

  /// `call` is called soon after `when`, without a lock of the timer's. It must
  /// be short: others wait behind it.
  void CallAt(Clock::time_point when, std::function<void()> call);

 private:
  DelayTimer() = default;
  void Serve();

  std::mutex mutex_;
  std::condition_variable changed_;
  std::multimap<Clock::time_point, std::function<void()>> calls_;
  bool started_ = false;
};

}  // namespace onlite
