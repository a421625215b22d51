#include <napi.h>

#include "napi/convert/raw_method.h"
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
  using onlite::SafeFunction;
  exports.DefineProperties(
      {SafeFunction<&onlite::PrepareExit>("prepareExit"),
       SafeFunction<&Cancel>("cancel"),
       SafeFunction<&Disown>("disown"),
       SafeFunction<&ExecutorThreads>("executorThreads"),
       SafeFunction<&onlite::CreateSession>("createSession"),
       SafeFunction<&onlite::AttachSession>("attachSession"),
       SafeFunction<&onlite::OpenServerSocket>("openServerSocket"),
       SafeFunction<&NewHistogram>("newHistogram"),
       SafeFunction<&onlite::DecodeHistogram>("decodeHistogram"),
       SafeFunction<&onlite::AllocateBytes>("allocateBytes"),
       SafeFunction<&onlite::CopyBytes>("copyBytes"),
       SafeFunction<&onlite::DescribeFile>("describeForeignFile"),
       SafeFunction<&onlite::TakeResult>("takeResult"),
       SafeFunction<&onlite::DiscardPages>("discardPages"),
       SafeFunction<&onlite::ReleaseBytes>("releaseBytes"),
       SafeFunction<&onlite::PinMemoryOf>("pinMemory"),
       SafeFunction<&onlite::UnpinMemoryOf>("unpinMemory"),
       SafeFunction<&onlite::ParseNumbersOf>("parseNumbers"),
       SafeFunction<&onlite::PrintNumbersOf>("printNumbers"),
       SafeFunction<&onlite::ExtentOfValues>("extentOf"),
       SafeFunction<&onlite::CountValuesOf>("countValues"),
       SafeFunction<&onlite::AddChannelSumsOf>("addChannelSums"),
       SafeFunction<&onlite::SampleGpus>("sampleGpus"),
       SafeFunction<&onlite::RegisterProviderLibraryJob>("registerProviderLibrary"),
       SafeFunction<&onlite::LoadRuntime>("loadRuntime"),
       SafeFunction<&onlite::DescribeRuntime>("describeRuntime")});
  return exports;
}

}  // namespace

NODE_API_MODULE(onlite, Exports)
