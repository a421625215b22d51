#include "bind/mailbox.h"

#include <utility>

#include "bind/job.h"
#include "core/adaptive_lock.h"

namespace onlite {

void Mailbox::Put(std::unique_ptr<Job> job) {
  const auto lock = LockAdaptively(mutex_);
  if (job) finished_.push_back(std::move(job));
  ++ended_;
  if (wake_ == nullptr) {
    changed_.notify_all();
  } else if (!wake_sent_ && !finished_.empty()) {
    wake_sent_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
  }
}

void Mailbox::Take(Jobs* jobs) {
  const auto lock = LockAdaptively(mutex_);
  wake_sent_ = false;
  finished_.swap(*jobs);
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
