#pragma once

#include <napi.h>

#include <cstdint>

#include "core/cancel_token.h"
#include "core/status.h"

namespace onlite {

/// Asynchronous work that JavaScript asked for. Built on the JS thread,
/// executed on an executor thread, completed and destroyed on the JS thread
/// (or destroyed on any thread when the environment goes away): it holds plain
/// data and never a Node-API handle or reference.
class Job {
 public:
  Job() = default;
  Job(const Job&) = delete;
  Job& operator=(const Job&) = delete;
  virtual ~Job() = default;

  /// On an executor thread. Not called if `cancel` was cancelled before.
  virtual Status Execute() = 0;

  /// On the JS thread, if Execute was OK: the value that JavaScript gets. May throw.
  virtual Napi::Value Result(Napi::Env env) = 0;

  /// On the JS thread, after Result or instead of it when the job failed or was
  /// taken out of its queue; not when the environment ends. May throw.
  virtual void Settled(Napi::Env /*env*/) {}

  /// The end of the process waits for it without a limit (core/exit_gate.h), as
  /// for what makes or destroys sessions; for runs it waits a limited time.
  virtual bool ExitWaits() const { return false; }

  CancelToken cancel;
  Status status;  // Execute's; set by the environment
};

/// JavaScript's name for a job: a counter kept in TypeScript.
using JobId = uint32_t;

}  // namespace onlite
