#include "bind/job.h"

#include <exception>
#include <new>
#include <utility>

#include "bind/errors.h"
#include "bind/mailbox.h"
#include "core/exit_gate.h"

namespace onlite {

JobId ReadJobId(Napi::Env env, napi_value value) {
  JobId id = 0;
  if (napi_get_value_uint32(env, value, &id) != napi_ok) {
    ThrowInvalidArgument(env, "id: expected a number");
  }
  return id;
}

void Job::Run() {
  try {
    posting.status = ExecuteInGate();
  } catch (const std::bad_alloc& error) {
    posting.status = {ErrorCode::kOutOfMemory, "out of memory for the operation", error.what()};
  } catch (const std::exception& error) {
    // The thread must not die of it.
    posting.status = {ErrorCode::kRunFailed, "the operation failed", error.what()};
  }
}

Status Job::ExecuteInGate() {
  if (cancel.cancelled()) {
    return {ErrorCode::kCancelled, "the run was cancelled before it started"};
  }
  ExitGate& gate = ExitGate::Process();
  const bool waits = ExitWaits();
  if (waits ? !gate.Enter() : !gate.EnterRun()) {
    return {ErrorCode::kCancelled, "the process is ending"};
  }
  struct Leave {
    ExitGate& gate;
    bool waits;
    ~Leave() { waits ? gate.Leave() : gate.LeaveRun(); }
  } const leave{gate, waits};
  return Execute();
}

std::unique_ptr<Task> Job::Finished(std::unique_ptr<Task> self) {
  const std::shared_ptr<Mailbox> mailbox = posting.mailbox;
  if (posting.detached) {
    mailbox->Put(nullptr);
    return self;
  }
  mailbox->Put(std::unique_ptr<Job>(static_cast<Job*>(self.release())));
  return nullptr;
}

}  // namespace onlite
