#include "napi/session/native_session.h"

#include <new>
#include <string>
#include <utility>

#include "napi/convert/errors.h"
#include "napi/convert/raw_method.h"
#include "napi/convert/run_options.h"
#include "napi/convert/session_info.h"
#include "napi/convert/tagged.h"
#include "napi/environment/environment.h"
#include "napi/run/batched_run_job.h"
#include "napi/run/native_binding.h"
#include "napi/session/latency_methods.h"
#include "napi/session/session_gauges.h"
#include "napi/session/session_jobs.h"
#include "session/batch_support.h"
#include "session/run_guarded.h"

namespace onlite {
namespace {

constexpr Tagged<std::shared_ptr<SessionCore>> kCore(0x6f6e6c6974652d73ULL, 0x657373696f6e2d31ULL);

}  // namespace

Napi::Function NativeSession::Define(Napi::Env env) {
  return DefineClass(
      env, "NativeSession",
      {PropertyDescriptor(SafeMethod<&NativeSession::Info>("info")),
       PropertyDescriptor(SafeMethod<&NativeSession::Providers>("providers")),
       PropertyDescriptor(SafeMethod<&NativeSession::Run>("run")),
       PropertyDescriptor(SafeMethod<&NativeSession::RunSync>("runSync")),
       PropertyDescriptor(SafeMethod<&NativeSession::Bind>("bind")),
       PropertyDescriptor(SafeMethod<&NativeSession::Release>("release")),
       PropertyDescriptor(SafeMethod<&NativeSession::HasAwaitedRuns>("hasAwaitedRuns")),
       PropertyDescriptor(SafeMethod<&NativeSession::ResetVariables>("resetVariables")),
       PropertyDescriptor(SafeMethod<&NativeSession::ResetVariablesSync>("resetVariablesSync")),
       PropertyDescriptor(SafeMethod<&NativeSession::Profile>("profile")),
       PropertyDescriptor(SafeMethod<&NativeSession::EndProfiling>("endProfiling")),
       PropertyDescriptor(CoreMethod<&LatencyPhase>("latencyPhase")),
       PropertyDescriptor(CoreMethod<&LatencyFailureCodes>("latencyFailureCodes")),
       PropertyDescriptor(CoreMethod<&LatencyFailure>("latencyFailure")),
       PropertyDescriptor(CoreMethod<&LatencyRejected>("latencyRejected")),
       PropertyDescriptor(CoreMethod<&LatencyReset>("latencyReset")),
       PropertyDescriptor(CoreMethod<&QueueDepth>("queueDepth")),
       PropertyDescriptor(CoreMethod<&BatchSizes>("batchSizes")),
       PropertyDescriptor(CoreMethod<&RunsInFlight>("runsInFlight")),
       PropertyDescriptor(CoreMethod<&InlineRuns>("inlineRuns")),
       PropertyDescriptor(CoreMethod<&MayRunInline>("mayRunInline")),
       PropertyDescriptor(CoreMethod<&SessionMemory>("memory")),
       PropertyDescriptor(CoreMethod<&ObserveRuns>("observeRuns")),
       PropertyDescriptor(CoreMethod<&TakeRunRecord>("takeRunRecord"))});
}

Napi::Object NativeSession::Wrap(Napi::Env env, std::shared_ptr<SessionCore> core) {
  return Construct(env, Environment::Of(env).session_class, {kCore.Refer(env, &core)});
}

NativeSession::NativeSession(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NativeSession>(info), environment_(Environment::Of(info.Env()).state()) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<SessionCore>* const core = kCore.Read(env, info[0]);
  if (core == nullptr) ThrowInvalidArgument(env, "NativeSession cannot be constructed");
  core_ = *core;
  Napi::MemoryManagement::AdjustExternalMemory(env, core_->external_bytes);
}

NativeSession::~NativeSession() {
  if (!core_) return;
  if (environment_->closing) {
    // The process ends: destroying now would only race with the runtime's own teardown.
    if (environment_->is_main_thread && core_->session) {
      static_cast<void>(new (std::nothrow) std::shared_ptr<SessionCore>(std::move(core_)));
    }
    return;
  }
  if (core_->released) return;
  core_->released = true;
  Napi::MemoryManagement::AdjustExternalMemory(Env(), -core_->external_bytes);
  DropSession(Environment::Of(Env()), core_);
}

void NativeSession::RequireOpen(Napi::Env env) const {
  if (core_->released) ThrowStatus(env, SessionReleased());
}

Napi::Value NativeSession::Info(const Napi::CallbackInfo& info) {
  return SessionInfoToJs(info.Env(), core_->info);
}

Napi::Value NativeSession::Providers(const Napi::CallbackInfo& info) {
  return StringsToArray(info.Env(), core_->Providers());
}

Napi::Value NativeSession::Run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const int64_t called_at = MonotonicNow();
  const JobId id = ReadJobId(env, info[0]);
  auto arguments = std::make_unique<RunArguments>();
  ReadRunOptions(env, info[3], arguments.get());
  arguments->admit = [this](size_t bytes) {
    return core_->RecordPost(core_->batches ? core_->batches->CheckBytes(bytes)
                                            : core_->queue->CheckBytes(bytes));
  };
  ReadRunArguments(env, core_->info, info[1], info[2], FeedPolicy::kAsynchronous, arguments.get());
  arguments->admit = nullptr;
  // Again: a getter on Array.prototype may have released the session.
  RequireOpen(env);
  Environment& environment = Environment::Of(env);
  if (core_->batches) {
    const size_t rows = BatchRows(*core_, arguments->request, arguments->is_warm_up);
    if (rows > 0) {
      auto job = std::make_unique<BatchedRunJob>(core_, std::move(arguments), called_at, rows);
      BatchMember* const member = job.get();
      Check(env, core_->RecordPost(
                     environment.PostToBatch(*core_->batches, id, std::move(job), member)));
      return env.Undefined();
    }
  }
  auto job = std::make_unique<RunJob>(core_, std::move(arguments), called_at);
  Check(env, core_->RecordPost(environment.Post(*core_->queue, id, std::move(job))));
  return env.Undefined();
}

Napi::Value NativeSession::RunSync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const int64_t called_at = MonotonicNow();
  const bool inlined = info[3].IsBoolean() && info[3].As<Napi::Boolean>().Value();
  RunArguments arguments;
  ReadRunOptions(env, info[2], &arguments);
  ReadRunArguments(env, core_->info, info[0], info[1], FeedPolicy::kSynchronous, &arguments);
  // Again: a getter on Array.prototype may have released the session.
  RequireOpen(env);
  if (inlined && !core_->MayRunInline()) return Napi::Boolean::New(env, false);
  if (!EnterSynchronousRun(*core_)) {
    if (inlined) return Napi::Boolean::New(env, false);
    ThrowStatus(env, EveryInterpreterBusy());
  }
  RunResult result;
  const Status status = RunGuarded([&] { return core_->session->Run(arguments.request, &result); });
  LeaveSynchronousRun(*core_);
  if (!status.ok() && !arguments.is_warm_up)
    core_->RecordFailure(RunRecords::kSynchronous, called_at, status.code());
  Check(env, status);
  Napi::Value outputs = OutputsToJs(env, arguments, &result);
  if (arguments.is_warm_up) return outputs;
  const int64_t total_ns = MonotonicNow() - called_at;
  if (inlined) {
    core_->RecordInline(result.times.invoke_ns, total_ns);
  } else {
    core_->RecordSynchronous(result.times.invoke_ns, total_ns);
  }
  return outputs;
}

Napi::Value NativeSession::Bind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const uint32_t signature = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0;
  if (signature >= core_->info.signatures.size()) {
    ThrowInvalidArgument(env, "signature: the model has no such signature");
  }
  return NativeBinding::Wrap(env, info.This(), core_, signature);
}

Napi::Value NativeSession::Release(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const JobId id = ReadJobId(env, info[0]);
  core_->FlushBatches();
  Check(env,
        Environment::Of(env).PostExclusive(*core_->queue, id, std::make_unique<ReleaseJob>(core_)));
  core_->released = true;
  Napi::MemoryManagement::AdjustExternalMemory(env, -core_->external_bytes);
  return env.Undefined();
}

Napi::Value NativeSession::HasAwaitedRuns(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const JobId except = ReadJobId(env, info[0]);
  return Napi::Boolean::New(
      env, Environment::Of(env).HasAwaited(*core_->queue, core_->batches.get(), except));
}

Napi::Value NativeSession::ResetVariables(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const JobId id = ReadJobId(env, info[0]);
  core_->FlushBatches();
  Check(env, Environment::Of(env).PostExclusive(*core_->queue, id,
                                                std::make_unique<ResetVariablesJob>(core_)));
  return env.Undefined();
}

Napi::Value NativeSession::ResetVariablesSync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  // Every place is claimed, so nothing runs beside it.
  size_t claimed = 0;
  while (claimed < core_->info.concurrency && core_->queue->TryEnter()) ++claimed;
  const bool alone = claimed == core_->info.concurrency;
  const Status status = RunGuarded([&] {
    return alone
               ? core_->session->ResetVariables()
               : Status(ErrorCode::kBusy, "resetVariablesSync: runs of the session are in flight");
  });
  for (; claimed > 0; --claimed) core_->queue->Leave();
  Check(env, status);
  return env.Undefined();
}

Napi::Value NativeSession::EndProfiling(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  std::string file;
  if (!EnterSynchronousRun(*core_)) {
    ThrowStatus(env, {ErrorCode::kBusy, "endProfiling: a run of the session is in flight"});
  }
  const Status status = RunGuarded([&] { return core_->session->EndProfiling(&file); });
  LeaveSynchronousRun(*core_);
  Check(env, status);
  return Napi::String::New(env, file);
}

}  // namespace onlite
