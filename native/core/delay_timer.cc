#include "core/delay_timer.h"

#include <thread>
#include <utility>

namespace onlite {

DelayTimer& DelayTimer::Process() {
  static auto* const timer = new DelayTimer();
  return *timer;
}

void DelayTimer::CallAt(Clock::time_point when, std::function<void()> call) {
  const std::lock_guard lock(mutex_);
  if (!started_) std::thread([this] { Serve(); }).detach();
  started_ = true;
  const auto added = calls_.emplace(when, std::move(call));
  if (added == calls_.begin()) changed_.notify_one();
}

void DelayTimer::Serve() {
  std::unique_lock lock(mutex_);
  for (;;) {
    if (calls_.empty()) {
      changed_.wait(lock);
      continue;
    }
    const Clock::time_point next = calls_.begin()->first;
    if (Clock::now() < next) {
      changed_.wait_until(lock, next);
      continue;
    }
    auto due = calls_.extract(calls_.begin());
    lock.unlock();
    due.mapped()();
    due = {};
    lock.lock();
  }
}

}  // namespace onlite
