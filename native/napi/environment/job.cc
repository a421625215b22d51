#include "napi/environment/job.h"

#include <exception>
#include <new>
#include <utility>

#include "core/exit_gate.h"
#include "napi/convert/errors.h"
#include "napi/environment/mailbox.h"

namespace onlite {

JobId ReadJobId(Napi::Env env, napi_value value) {
  JobId id = 0;
  if (napi_get_value_uint32(env, value, &id) != napi_ok) {
    ThrowInvalidArgument(env, "id: expected a number");
  }
  return id;
}

Job::~Job() {
  if (destroyed_in_gate_) ExitGate::Process().Leave();
}

void Job::Fail(ErrorCode code) noexcept {
  try {
    Failed(code);
  } catch (const std::exception&) {
    // The promise has the error in any case.
  }
}

void Job::Run() noexcept {
  try {
    posting.status = ExecuteInGate();
  } catch (const std::bad_alloc&) {
    posting.status = OutOfMemory();
  } catch (const std::exception& error) {
    // The thread must not die of it.
    try {
      posting.status = {ErrorCode::kRunFailed, "the operation failed", error.what()};
    } catch (const std::bad_alloc&) {
      posting.status = OutOfMemory();
    }
  }
}

Status Job::ExecuteInGate() {
  if (cancel.cancelled()) {
    return {ErrorCode::kCancelled, "the run was cancelled before it started"};
  }
  ExitGate& gate = ExitGate::Process();
  if (!gate.Enter()) return {ErrorCode::kCancelled, "the process is ending"};
  struct Leave {
    ExitGate& gate;
    ~Leave() { gate.Leave(); }
  } const leave{gate};
  return Execute();
}

std::unique_ptr<Task> Job::Finished(std::unique_ptr<Task> self) noexcept {
  // Before the job goes where it may be destroyed.
  const std::shared_ptr<Mailbox> mailbox = std::move(posting.mailbox);
  std::unique_ptr<Job> orphan =
      mailbox->Put(std::unique_ptr<Job>(static_cast<Job*>(self.release())));
  if (!orphan) return nullptr;
  // It may hold a session. Once the process ends, nothing is destroyed any more.
  orphan->destroyed_in_gate_ = ExitGate::Process().Enter();
  if (!orphan->destroyed_in_gate_) static_cast<void>(orphan.release());
  return orphan;
}

}  // namespace onlite
