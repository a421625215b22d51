#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "core/cancel_token.h"
#include "core/executor.h"
#include "core/status.h"

namespace onlite {

class Mailbox;

/// JavaScript's name for a job: small numbers that lib/engine/addon/jobs.ts uses again and again.
using JobId = uint32_t;

/// Throws ERR_INVALID_ARGUMENT if it is not a number.
JobId ReadJobId(Napi::Env env, napi_value value);

/// Asynchronous work that JavaScript asked for. Built on the JS thread,
/// executed on an executor thread, completed and destroyed on the JS thread
/// (or destroyed on any thread when the environment goes away): it holds plain
/// data and never a Node-API handle or reference.
class Job : public Task {
 public:
  /// On an executor thread. Not called if `cancel` was cancelled before.
  virtual Status Execute() = 0;

  /// On the JS thread, if Execute was OK: the value that JavaScript gets; empty
  /// for undefined, which costs less than the value. May throw.
  virtual Napi::Value Result(Napi::Env env) = 0;

  /// On the JS thread, once: JavaScript hears of this error instead of a result. It
  /// may do so before the job has ended, if nobody waits for that any more.
  virtual void Failed(ErrorCode /*code*/) {}
  /// Calls it. Where there is no memory to record the failure, it is not recorded.
  void Fail(ErrorCode code) noexcept;

  /// On the JS thread, before it has ended: nobody waits for it any more.
  virtual void Abandoned() {}

  /// On the JS thread, after Result or instead of it when the job failed or was
  /// taken out of its queue; not when the environment ends. May throw.
  virtual void Settled(Napi::Env /*env*/) {}

  /// On the JS thread, last of all: the job, to be kept for another time.
  virtual void Retire(std::unique_ptr<Job> /*self*/) {}

  /// Execute uses memory of JavaScript's, which goes away with the environment: its end waits for
  /// the job as long as it takes.
  virtual bool UsesCallersMemory() const = 0;

  CancelToken cancel;

  /// What the environment knows of it while it is posted.
  struct Posting {
    std::shared_ptr<Mailbox> mailbox;
    JobId id = 0;
    bool in_place = false;   // UsesCallersMemory
    bool detached = false;   // nobody ever waits for it
    bool abandoned = false;  // nobody waits for it any more: it has Failed
    Status status;           // Execute's
  };
  Posting posting;

  ~Job() override;

  void Run() noexcept final;
  std::unique_ptr<Task> Finished(std::unique_ptr<Task> self) noexcept final;

 private:
  Status ExecuteInGate();

  /// Its environment did not wait for it: it is destroyed on an executor thread.
  bool destroyed_in_gate_ = false;
};

/// What ends when other jobs of its environment have, and has nothing to execute.
class WaitingJob : public Job {
 public:
  /// On the JS thread, whenever jobs have ended.
  virtual bool MayEnd() const = 0;

  Status Execute() final { return Status::Ok(); }
  bool UsesCallersMemory() const final { return false; }
  Napi::Value Result(Napi::Env /*env*/) override { return {}; }
};

}  // namespace onlite
