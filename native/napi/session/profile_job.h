#pragma once

#include <memory>

#include "napi/convert/tensor_arguments.h"
#include "napi/environment/job.h"
#include "session/attached_session.h"

namespace onlite {

/// Runs of a TensorFlow Lite session with the operators' times taken. Occupies
/// one run's place in the session's queue; nothing of it is in the histograms.
class ProfileJob final : public Job {
 public:
  ProfileJob(const std::shared_ptr<AttachedSession>& session,
             std::unique_ptr<RunArguments> arguments, size_t runs);
  Status Execute() override;
  void Abandoned() override { undelivered_.Abandon(); }
  bool UsesCallersMemory() const override { return arguments_->in_place; }
  /// NativeProfile of lib/engine/addon/native.ts.
  Napi::Value Result(Napi::Env env) override;

 private:
  const std::shared_ptr<SessionCore> core_;
  Undelivered undelivered_;
  const std::unique_ptr<RunArguments> arguments_;
  const size_t runs_;
  OperatorProfile profile_;
};

}  // namespace onlite
