#include "napi/session/profile_job.h"

#include <string>
#include <utility>
#include <vector>

#include "napi/convert/errors.h"
#include "napi/convert/run_options.h"
#include "napi/environment/environment.h"
#include "napi/session/native_session.h"
#include "napi/session/session_jobs.h"

namespace onlite {
namespace {

Napi::Array TensorsToJs(Napi::Env env, const std::vector<ProfiledTensor>& tensors) {
  Napi::Array array = Napi::Array::New(env, tensors.size());
  for (uint32_t index = 0; index < tensors.size(); ++index) {
    const ProfiledTensor& tensor = tensors[index];
    Napi::Array dims = Napi::Array::New(env, tensor.dims.size());
    for (uint32_t axis = 0; axis < tensor.dims.size(); ++axis) {
      dims.Set(axis, Napi::Number::New(env, static_cast<double>(tensor.dims[axis])));
    }
    Napi::Object object = Napi::Object::New(env);
    object.Set("type", tensor.type);
    object.Set("dims", dims);
    object.Set("bytes", static_cast<double>(tensor.bytes));
    array.Set(index, object);
  }
  return array;
}

Napi::Array OperatorsToJs(Napi::Env env, const std::vector<ProfiledOperator>& operators) {
  Napi::Array array = Napi::Array::New(env, operators.size());
  for (uint32_t index = 0; index < operators.size(); ++index) {
    const Napi::HandleScope scope(env);
    const ProfiledOperator& profiled = operators[index];
    Napi::Object object = Napi::Object::New(env);
    object.Set("builtinCode", profiled.builtin_code);
    object.Set("customName", profiled.custom_name);
    object.Set("outputName", profiled.output_name);
    object.Set("inputs", TensorsToJs(env, profiled.inputs));
    object.Set("outputs", TensorsToJs(env, profiled.outputs));
    object.Set("kernel", profiled.kernel);
    object.Set("subgraph", static_cast<double>(profiled.subgraph));
    object.Set("partition", static_cast<double>(profiled.partition));
    object.Set("index", static_cast<double>(profiled.index));
    object.Set("count", static_cast<double>(profiled.count));
    object.Set("nanoseconds", static_cast<double>(profiled.nanoseconds));
    array.Set(index, object);
  }
  return array;
}

}  // namespace

ProfileJob::ProfileJob(const std::shared_ptr<AttachedSession>& session,
                       std::unique_ptr<RunArguments> arguments, size_t runs)
    : core_(session->shared_core()),
      undelivered_(session),
      arguments_(std::move(arguments)),
      runs_(runs) {
  arguments_->request.cancel = &cancel;
}

Status ProfileJob::Execute() {
  if (!core_->session) return SessionReleased();
  return core_->session->Profile(arguments_->request, runs_, &profile_);
}

Napi::Value ProfileJob::Result(Napi::Env env) {
  Napi::Object result = Napi::Object::New(env);
  result.Set("totalNs", static_cast<double>(profile_.total_ns));
  result.Set("operators", OperatorsToJs(env, profile_.operators));
  result.Set("delegated", OperatorsToJs(env, profile_.delegated));
  return result;
}

Napi::Value NativeSession::Profile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const JobId id = ReadJobId(env, info[0]);
  if (!info[4].IsNumber()) ThrowInvalidArgument(env, "runs: expected a number");
  const size_t runs = info[4].As<Napi::Number>().Uint32Value();
  auto arguments = std::make_unique<RunArguments>();
  ReadRunOptions(env, info[3], arguments.get());
  ReadRunArguments(env, attached_->core().info, info[1], info[2], FeedPolicy::kAsynchronous,
                   arguments.get());
  // Again: a getter on Array.prototype may have released the session.
  RequireOpen(env);
  auto job = std::make_unique<ProfileJob>(attached_, std::move(arguments), runs);
  Check(env, Environment::Of(env).Post(*attached_->core().queue, id, std::move(job)));
  return env.Undefined();
}

}  // namespace onlite
