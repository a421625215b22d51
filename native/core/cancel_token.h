#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <utility>

#include "core/executor.h"

namespace onlite {

/// Carries a request to stop from any thread to a run. The runtime adapter
/// registers how its run is stopped; whoever cancels calls that at most once.
/// Thread-safe. After `Disarm` returned, the registered function is not running
/// and never will be.
class CancelToken {
 public:
  /// Asks the run to stop; remembered if the run has not started yet. The executor hears of it,
  /// too, which makes up for the thread if the run goes on nevertheless.
  void Cancel() {
    const std::lock_guard lock(mutex_);
    if (cancelled_.exchange(true)) return;
    if (!stop_) return;
    stop_();
    if (worker_ != nullptr) Executor::Watch(worker_);
  }

  bool cancelled() const { return cancelled_.load(); }

  /// For another run. Nobody else may be using the token.
  void Reset() { cancelled_ = false; }

  /// Registers how to stop; false if the run was cancelled before (then `stop`
  /// is not kept and the run should not start).
  [[nodiscard]] bool Arm(std::function<void()> stop) {
    return ArmFor(std::move(stop), Executor::Current());
  }

  /// The same for one of several that share their work: to stop it alone does not end the
  /// work, so that its thread is not missed.
  [[nodiscard]] bool ArmShared(std::function<void()> stop) {
    return ArmFor(std::move(stop), nullptr);
  }

  /// Whether the run was cancelled: asked any earlier, a request may follow the answer and stop
  /// what the registered function reaches.
  [[nodiscard]] bool Disarm() {
    if (before_disarm_for_tests != nullptr) before_disarm_for_tests(this);
    const std::lock_guard lock(mutex_);
    stop_ = nullptr;
    worker_ = nullptr;
    return cancelled_;
  }

  /// Called when Disarm is, before it has any effect.
  void (*before_disarm_for_tests)(CancelToken*) = nullptr;

 private:
  bool ArmFor(std::function<void()> stop, Executor::Worker* worker) {
    const std::lock_guard lock(mutex_);
    if (cancelled_) return false;
    stop_ = std::move(stop);
    worker_ = worker;
    return true;
  }

  std::mutex mutex_;
  std::atomic<bool> cancelled_{false};
  std::function<void()> stop_;
  /// Whose thread armed it; null if nobody waits for that.
  Executor::Worker* worker_ = nullptr;
};

/// Arms a token for one piece of work, until that has ended or this is destroyed.
class ArmedToken {
 public:
  /// `token` may be null; then nothing happens.
  template <typename Stop>
  ArmedToken(CancelToken* token, Stop stop)
      : token_(token), armed_(token != nullptr && token->Arm(std::move(stop))) {}
  ArmedToken(const ArmedToken&) = delete;
  ArmedToken& operator=(const ArmedToken&) = delete;
  ~ArmedToken() {
    if (armed_) static_cast<void>(token_->Disarm());
  }

  /// False if it was cancelled before: then the work must not start.
  bool MayStart() const { return token_ == nullptr || armed_; }

  /// The work has ended. Whether it was cancelled: nothing stops it from here on.
  [[nodiscard]] bool End() {
    if (!armed_) return token_ != nullptr;
    armed_ = false;
    return token_->Disarm();
  }

 private:
  CancelToken* token_;
  bool armed_;
};

}  // namespace onlite
