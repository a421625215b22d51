#include "napi/run/copy_to_host_job.h"

#include "napi/convert/tensor_arguments.h"
#include "napi/run/native_binding.h"

namespace onlite {

Status CopyToHostJob::Execute() {
  if (!core_->binding) return SessionReleased();
  return core_->binding->CopyToHost(place_, &cancel, &value_);
}

Napi::Value CopyToHostJob::Result(Napi::Env env) { return {env, ValueToJs(env, value_)}; }

void CopyToHostJob::Settled(Napi::Env /*env*/) { binding_->Copied(); }

}  // namespace onlite
