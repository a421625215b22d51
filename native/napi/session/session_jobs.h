#pragma once

#include <memory>
#include <utility>

#include "napi/convert/tensor_arguments.h"
#include "napi/environment/job.h"
#include "session/attached_session.h"

namespace onlite {

class Environment;

/// One asynchronous run.
class RunJob : public Job {
 public:
  RunJob(std::shared_ptr<AttachedSession> session, std::unique_ptr<RunArguments> arguments,
         int64_t called_at);
  Status Execute() override;
  size_t waiting_bytes() const override { return arguments_->copied_bytes; }
  /// An array of ValueToJs, in the order of the requested outputs.
  Napi::Value Result(Napi::Env env) override;
  void Failed(ErrorCode code) override;
  void Abandoned() override { undelivered_.Abandon(); }
  bool UsesCallersMemory() const override { return arguments_->in_place; }

 protected:
  const std::shared_ptr<AttachedSession> session_;
  Undelivered undelivered_;
  const std::unique_ptr<RunArguments> arguments_;
  const int64_t called_at_;
  int64_t queue_ns_ = 0;
  size_t batch_rows_ = 0;
  RunResult result_;
};

/// Destroys the runtime's session, which the last has let go; posted exclusively. If it never
/// comes to be executed the session is destroyed nevertheless.
class ReleaseJob final : public Job {
 public:
  explicit ReleaseJob(std::shared_ptr<SessionCore> core) : core_(std::move(core)) {}
  ~ReleaseJob() override { core_->CloseWhenIdle(); }
  Status Execute() override;
  bool UsesCallersMemory() const override { return false; }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::shared_ptr<SessionCore> core_;
};

/// Ends when a released session's own runs have, which others still use. JS thread only.
class DetachJob final : public WaitingJob {
 public:
  explicit DetachJob(std::shared_ptr<AttachedSession> session) : session_(std::move(session)) {}
  bool MayEnd() const override { return session_->undelivered() == 0; }
  void Settled(Napi::Env /*env*/) override { session_->core().CloseBindingsOf(*session_); }

 private:
  const std::shared_ptr<AttachedSession> session_;
};

/// Puts variables back; posted exclusively.
class ResetVariablesJob final : public Job {
 public:
  explicit ResetVariablesJob(const std::shared_ptr<AttachedSession>& session)
      : core_(session->shared_core()), undelivered_(session) {}
  Status Execute() override;
  void Abandoned() override { undelivered_.Abandon(); }
  bool UsesCallersMemory() const override { return false; }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const std::shared_ptr<SessionCore> core_;
  Undelivered undelivered_;
};

/// Lets go of a session that nobody here uses any more. The last one destroys it, after its runs
/// and off the JS thread.
void DropSession(Environment& environment, AttachedSession& session) noexcept;

/// Encodes a run's outputs for JavaScript.
Napi::Value OutputsToJs(Napi::Env env, const RunResult& result);

/// The same with those that the arguments want held taken out of `result`.
Napi::Value OutputsToJs(Napi::Env env, const RunArguments& arguments, RunResult* result);

}  // namespace onlite
