#include "bind/mailbox.h"

#include <utility>

#include "bind/job.h"
#include "core/adaptive_lock.h"

namespace onlite {

void Mailbox::Put(std::unique_ptr<Job> job) {
  const auto lock = LockAdaptively(mutex_);
  if (job) {
    finished_.push_back(std::move(job));
    has_finished_.store(true, std::memory_order_release);
  }
  ++ended_;
  if (wake_ == nullptr) {
    changed_.notify_all();
  } else if (!wake_sent_ && !awaited_ && !finished_.empty()) {
    wake_sent_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
  }
}

void Mailbox::Take(Jobs* jobs) {
  const auto lock = LockAdaptively(mutex_);
  wake_sent_ = false;
  has_finished_.store(false, std::memory_order_relaxed);
  finished_.swap(*jobs);
}

bool Mailbox::AwaitFinished(std::chrono::nanoseconds limit) {
  {
    const auto lock = LockAdaptively(mutex_);
    if (!finished_.empty()) return true;
    awaited_ = true;
  }
  const auto until = std::chrono::steady_clock::now() + limit;
  while (!has_finished_.load(std::memory_order_acquire) &&
         std::chrono::steady_clock::now() < until) {
    PauseThread();
  }
  const auto lock = LockAdaptively(mutex_);
  awaited_ = false;
  return !finished_.empty();
}

napi_threadsafe_function Mailbox::Close() {
  const auto lock = LockAdaptively(mutex_);
  return std::exchange(wake_, nullptr);
}

void Mailbox::WaitForAll(size_t posted) {
  Jobs dropped;
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ == posted; });
  dropped.swap(finished_);
}

}  // namespace onlite
