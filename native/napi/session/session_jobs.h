#pragma once

#include <memory>
#include <utility>

#include "napi/convert/tensor_arguments.h"
#include "napi/environment/job.h"
#include "session/session_core.h"

namespace onlite {

class Environment;

/// One asynchronous run.
class RunJob : public Job {
 public:
  RunJob(std::shared_ptr<SessionCore> core, std::unique_ptr<RunArguments> arguments,
         int64_t called_at);
  Status Execute() override;
  size_t waiting_bytes() const override { return arguments_->copied_bytes; }
  /// An array of ValueToJs, in the order of the requested outputs.
  Napi::Value Result(Napi::Env env) override;
  void Failed(ErrorCode code) override;
  bool UsesCallersMemory() const override { return arguments_->in_place; }

 protected:
  const std::shared_ptr<SessionCore> core_;
  const Undelivered undelivered_;
  const std::unique_ptr<RunArguments> arguments_;
  const int64_t called_at_;
  int64_t queue_ns_ = 0;
  size_t batch_rows_ = 0;
  RunResult result_;
};

/// Destroys the runtime's session; posted exclusively.
class ReleaseJob final : public Job {
 public:
  explicit ReleaseJob(std::shared_ptr<SessionCore> core) : core_(std::move(core)) {}
  Status Execute() override;
  bool UsesCallersMemory() const override { return false; }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  std::shared_ptr<SessionCore> core_;
};

/// Puts variables back; posted exclusively.
class ResetVariablesJob final : public Job {
 public:
  explicit ResetVariablesJob(std::shared_ptr<SessionCore> core)
      : core_(std::move(core)), undelivered_(core_) {}
  Status Execute() override;
  bool UsesCallersMemory() const override { return false; }
  Napi::Value Result(Napi::Env env) override { return env.Undefined(); }

 private:
  const std::shared_ptr<SessionCore> core_;
  const Undelivered undelivered_;
};

/// Destroys a session that nobody uses any more, after its runs and off the JS thread; where
/// that cannot be had, with the last holder.
void DropSession(Environment& environment, const std::shared_ptr<SessionCore>& core) noexcept;

/// Encodes a run's outputs for JavaScript.
Napi::Value OutputsToJs(Napi::Env env, const RunResult& result);

/// The same with those that the arguments want held taken out of `result`.
Napi::Value OutputsToJs(Napi::Env env, const RunArguments& arguments, RunResult* result);

}  // namespace onlite
