#include <napi.h>

#include "napi/convert/errors.h"
#include "napi/environment/environment.h"
#include "napi/histogram/native_histogram.h"
#include "napi/numbers/number_functions.h"
#include "napi/observation/observation_functions.h"
#include "napi/process/gpu_job.h"
#include "napi/process/pages.h"
#include "napi/process/pinned_memory.h"
#include "napi/process/provider_library_job.h"
#include "napi/process/runtime_functions.h"
#include "napi/process/server_socket.h"
#include "napi/run/held_result.h"
#include "napi/run/native_binding.h"
#include "napi/session/create_session.h"
#include "napi/session/native_session.h"

namespace {

Napi::Value Initialise(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsObject()) throw Napi::TypeError::New(env, "onlite: expected a configuration");
  if (!info.This().IsObject()) throw Napi::TypeError::New(env, "onlite: expected the exports");
  onlite::Environment::Create(env, info.This().As<Napi::Object>(), info[0].As<Napi::Object>());
  onlite::Environment& environment = onlite::Environment::Of(env);
  environment.session_class = environment.Hold(onlite::NativeSession::Define(env));
  environment.binding_class = environment.Hold(onlite::NativeBinding::Define(env));
  environment.histogram_class = environment.Hold(onlite::NativeHistogram::Define(env));
  return env.Undefined();
}

/// A function whose errors are OnliteErrors.
template <Napi::Value (*Function)(const Napi::CallbackInfo&)>
Napi::Value Safe(const Napi::CallbackInfo& info) {
  return onlite::Typed(info.Env(), [&info] { return Function(info); });
}

/// newHistogram(digits, highest)
Napi::Value NewHistogram(const Napi::CallbackInfo& info) {
  return onlite::Construct(info.Env(), onlite::Environment::Of(info.Env()).histogram_class,
                           {info[0], info[1]});
}

/// poll(): 0 if no job has finished soon enough, 1 if some had and were dispatched,
/// 2 if it is not the time to look.
/// cancel(id, timedOut): true if the job had not started and will never be dispatched.
Napi::Value Cancel(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const onlite::JobId id = onlite::ReadJobId(env, info[0]);
  const bool timed_out = info[1].ToBoolean();
  return Napi::Boolean::New(
      env, onlite::Environment::Of(env).Cancel(
               id, timed_out ? onlite::ErrorCode::kTimeout : onlite::ErrorCode::kCancelled));
}

/// disown(id): nobody waits for the job any more, which goes on.
Napi::Value Disown(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  onlite::Environment::Of(env).Disown(onlite::ReadJobId(env, info[0]));
  return env.Undefined();
}

/// executorThreads(): [threads for runs, those of them that are lost to runs that do not stop,
/// the same of loads].
Napi::Value ExecutorThreads(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const onlite::Environment& environment = onlite::Environment::Of(env);
  Napi::Array counts = Napi::Array::New(env);
  uint32_t at = 0;
  for (const onlite::Executor* executor : {&environment.executor(), &environment.background()}) {
    counts.Set(at++, static_cast<double>(executor->threads_alive()));
    counts.Set(at++, static_cast<double>(executor->threads_lost()));
  }
  return counts;
}

Napi::Object Exports(Napi::Env env, Napi::Object exports) {
  exports.Set("initialise", Napi::Function::New<Initialise>(env, "initialise"));
  exports.Set("prepareExit", Napi::Function::New<Safe<onlite::PrepareExit>>(env, "prepareExit"));
  exports.Set("cancel", Napi::Function::New<Safe<Cancel>>(env, "cancel"));
  exports.Set("disown", Napi::Function::New<Safe<Disown>>(env, "disown"));
  exports.Set("executorThreads",
              Napi::Function::New<Safe<ExecutorThreads>>(env, "executorThreads"));
  exports.Set("createSession",
              Napi::Function::New<Safe<onlite::CreateSession>>(env, "createSession"));
  exports.Set("attachSession",
              Napi::Function::New<Safe<onlite::AttachSession>>(env, "attachSession"));
  exports.Set("openServerSocket",
              Napi::Function::New<Safe<onlite::OpenServerSocket>>(env, "openServerSocket"));
  exports.Set("newHistogram", Napi::Function::New<Safe<NewHistogram>>(env, "newHistogram"));
  exports.Set("decodeHistogram",
              Napi::Function::New<Safe<onlite::DecodeHistogram>>(env, "decodeHistogram"));
  exports.Set("allocateBytes",
              Napi::Function::New<Safe<onlite::AllocateBytes>>(env, "allocateBytes"));
  exports.Set("copyBytes", Napi::Function::New<Safe<onlite::CopyBytes>>(env, "copyBytes"));
  exports.Set("describeForeignFile",
              Napi::Function::New<Safe<onlite::DescribeFile>>(env, "describeForeignFile"));
  exports.Set("takeResult", Napi::Function::New<Safe<onlite::TakeResult>>(env, "takeResult"));
  exports.Set("discardPages", Napi::Function::New<Safe<onlite::DiscardPages>>(env, "discardPages"));
  exports.Set("pinMemory", Napi::Function::New<Safe<onlite::PinMemoryOf>>(env, "pinMemory"));
  exports.Set("unpinMemory", Napi::Function::New<Safe<onlite::UnpinMemoryOf>>(env, "unpinMemory"));
  exports.Set("parseNumbers",
              Napi::Function::New<Safe<onlite::ParseNumbersOf>>(env, "parseNumbers"));
  exports.Set("printNumbers",
              Napi::Function::New<Safe<onlite::PrintNumbersOf>>(env, "printNumbers"));
  exports.Set("extentOf", Napi::Function::New<Safe<onlite::ExtentOfValues>>(env, "extentOf"));
  exports.Set("countValues", Napi::Function::New<Safe<onlite::CountValuesOf>>(env, "countValues"));
  exports.Set("addChannelSums",
              Napi::Function::New<Safe<onlite::AddChannelSumsOf>>(env, "addChannelSums"));
  exports.Set("sampleGpus", Napi::Function::New<Safe<onlite::SampleGpus>>(env, "sampleGpus"));
  exports.Set("registerProviderLibrary",
              Napi::Function::New<Safe<onlite::RegisterProviderLibraryJob>>(
                  env, "registerProviderLibrary"));
  exports.Set("loadRuntime", Napi::Function::New<Safe<onlite::LoadRuntime>>(env, "loadRuntime"));
  exports.Set("describeRuntime",
              Napi::Function::New<Safe<onlite::DescribeRuntime>>(env, "describeRuntime"));
  return exports;
}

}  // namespace

NODE_API_MODULE(onlite, Exports)
