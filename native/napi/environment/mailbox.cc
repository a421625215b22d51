#include "napi/environment/mailbox.h"

#include <utility>

#include "core/adaptive_lock.h"
#include "core/exit_gate.h"
#include "core/quick_exit.h"
#include "napi/environment/job.h"

namespace onlite {

void Mailbox::Count::Add(const Job& job) {
  ++all;
  if (job.posting.in_place) ++in_place;
}

void Mailbox::Count::Remove(const Job& job) {
  --all;
  if (job.posting.in_place) --in_place;
}

std::unique_ptr<Job> Mailbox::Put(std::unique_ptr<Job> job) {
  const auto lock = LockAdaptively(mutex_);
  ended_.Add(*job);
  if (left_) return job;
  const bool wanted = !job->posting.detached;
  if (wanted) finished_.Append(std::move(job));
  if (wake_ == nullptr) {
    changed_.notify_all();
  } else if (!wake_sent_ && !finished_.empty()) {
    wake_sent_ = napi_call_threadsafe_function(wake_, nullptr, napi_tsfn_nonblocking) == napi_ok;
  }
  return job;
}

void Mailbox::Take(TaskList* jobs) {
  const auto lock = LockAdaptively(mutex_);
  wake_sent_ = false;
  finished_.Swap(*jobs);
}

napi_threadsafe_function Mailbox::Close() {
  const auto lock = LockAdaptively(mutex_);
  return std::exchange(wake_, nullptr);
}

bool Mailbox::WaitFor(const Count& posted, std::chrono::milliseconds patience) {
  TaskList dropped;
  std::unique_lock lock(mutex_);
  const auto all_ended = [&] { return ended_.all == posted.all; };
  changed_.wait_for(lock, patience, all_ended);
  while (ended_.in_place != posted.in_place) {
    // The process ends, which has waited for runs already.
    if (ExitGate::Process().expired()) LeaveProcess();
    constexpr std::chrono::milliseconds kLookAgain{50};
    changed_.wait_for(lock, kLookAgain);
  }
  left_ = true;
  dropped.Swap(finished_);
  return all_ended();
}

}  // namespace onlite
