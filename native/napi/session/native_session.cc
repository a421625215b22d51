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
#include "session/shared_sessions.h"

namespace onlite {
namespace {

constexpr Tagged<std::shared_ptr<AttachedSession>> kSession(0x6f6e6c6974652d73ULL,
                                                            0x657373696f6e2d31ULL);

}  // namespace

Napi::Function NativeSession::Define(Napi::Env env) {
  return DefineClass(
      env, "NativeSession",
      {PropertyDescriptor(SafeMethod<&NativeSession::Info>("info")),
       PropertyDescriptor(SafeMethod<&NativeSession::Providers>("providers")),
       PropertyDescriptor(SafeMethod<&NativeSession::Run>("run")),
       PropertyDescriptor(SafeMethod<&NativeSession::RunSync>("runSync")),
       PropertyDescriptor(SafeMethod<&NativeSession::Bind>("bind")),
       PropertyDescriptor(SafeMethod<&NativeSession::Share>("share")),
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
       PropertyDescriptor(CoreMethod<&SessionNumber>("number")),
       PropertyDescriptor(CoreMethod<&HasUsers>("hasUsers")),
       PropertyDescriptor(CoreMethod<&InlineRuns>("inlineRuns")),
       PropertyDescriptor(SessionMethod<&MayRunInline>("mayRunInline")),
       PropertyDescriptor(SessionMethod<&SessionMemory>("memory")),
       PropertyDescriptor(SessionMethod<&ObserveRuns>("observeRuns")),
       PropertyDescriptor(SessionMethod<&TakeRunRecord>("takeRunRecord"))});
}

Napi::Object NativeSession::Wrap(Napi::Env env, std::shared_ptr<AttachedSession> session) {
  return Construct(env, Environment::Of(env).session_class, {kSession.Refer(env, &session)});
}

NativeSession::NativeSession(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NativeSession>(info), environment_(Environment::Of(info.Env()).state()) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<AttachedSession>* const session = kSession.Read(env, info[0]);
  if (session == nullptr) ThrowInvalidArgument(env, "NativeSession cannot be constructed");
  attached_ = *session;
  ReportMemory(env);
}

NativeSession::~NativeSession() {
  if (!attached_) return;
  if (!environment_->closing) {
    TakeBackReport(Env());
    DropSession(Environment::Of(Env()), *attached_);
    return;
  }
  if (reports_memory_) core().bytes_are_reported = false;
  // The process ends: destroying now would only race with the runtime's own teardown.
  if (environment_->is_main_thread && !core().is_closed()) {
    static_cast<void>(new (std::nothrow) std::shared_ptr<AttachedSession>(std::move(attached_)));
  } else if (attached_->LetGo()) {
    core().CloseWhenIdle();
  }
}

void NativeSession::ReportMemory(Napi::Env env) {
  if (core().bytes_are_reported.load(std::memory_order_relaxed)) return;
  if (core().bytes_are_reported.exchange(true)) return;
  reports_memory_ = true;
  Napi::MemoryManagement::AdjustExternalMemory(env, core().external_bytes);
}

void NativeSession::TakeBackReport(Napi::Env env) {
  if (!std::exchange(reports_memory_, false)) return;
  core().bytes_are_reported = false;
  Napi::MemoryManagement::AdjustExternalMemory(env, -core().external_bytes);
}

void NativeSession::RequireOpen(Napi::Env env) {
  if (attached_->released()) ThrowStatus(env, SessionReleased());
  ReportMemory(env);
}

Napi::Value NativeSession::Info(const Napi::CallbackInfo& info) {
  return SessionInfoToJs(info.Env(), core().info);
}

Napi::Value NativeSession::Providers(const Napi::CallbackInfo& info) {
  return StringsToArray(info.Env(), core().Providers());
}

Napi::Value NativeSession::Run(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const int64_t called_at = MonotonicNow();
  const JobId id = ReadJobId(env, info[0]);
  auto arguments = std::make_unique<RunArguments>();
  ReadRunOptions(env, info[3], arguments.get());
  arguments->admit = [this](size_t bytes) {
    return core().RecordPost(core().batches ? core().batches->CheckBytes(bytes)
                                            : core().queue->CheckBytes(bytes));
  };
  ReadRunArguments(env, core().info, info[1], info[2], FeedPolicy::kAsynchronous, arguments.get());
  arguments->admit = nullptr;
  // Again: a getter on Array.prototype may have released the session.
  RequireOpen(env);
  Environment& environment = Environment::Of(env);
  if (core().batches) {
    const size_t rows = BatchRows(core(), arguments->request, arguments->is_warm_up);
    if (rows > 0) {
      auto job = std::make_unique<BatchedRunJob>(attached_, std::move(arguments), called_at, rows);
      BatchMember* const member = job.get();
      Check(env, core().RecordPost(
                     environment.PostToBatch(*core().batches, id, std::move(job), member)));
      return env.Undefined();
    }
  }
  auto job = std::make_unique<RunJob>(attached_, std::move(arguments), called_at);
  Check(env, core().RecordPost(environment.Post(*core().queue, id, std::move(job))));
  return env.Undefined();
}

Napi::Value NativeSession::RunSync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const int64_t called_at = MonotonicNow();
  const bool inlined = info[3].IsBoolean() && info[3].As<Napi::Boolean>().Value();
  RunArguments arguments;
  ReadRunOptions(env, info[2], &arguments);
  ReadRunArguments(env, core().info, info[0], info[1], FeedPolicy::kSynchronous, &arguments);
  // Again: a getter on Array.prototype may have released the session.
  RequireOpen(env);
  if (inlined && !attached_->MayRunInline()) return Napi::Boolean::New(env, false);
  if (!EnterSynchronousRun(core())) {
    if (inlined) return Napi::Boolean::New(env, false);
    ThrowStatus(env, EveryInterpreterBusy());
  }
  RunResult result;
  const Status status = RunGuarded([&] { return core().session->Run(arguments.request, &result); });
  LeaveSynchronousRun(core());
  if (!status.ok() && !arguments.is_warm_up)
    attached_->RecordFailure(RunRecords::kSynchronous, called_at, status.code());
  Check(env, status);
  Napi::Value outputs = OutputsToJs(env, arguments, &result);
  if (arguments.is_warm_up) return outputs;
  const int64_t total_ns = MonotonicNow() - called_at;
  if (inlined) {
    attached_->RecordInline(result.times.invoke_ns, total_ns);
  } else {
    attached_->RecordSynchronous(result.times.invoke_ns, total_ns);
  }
  return outputs;
}

Napi::Value NativeSession::Bind(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const uint32_t signature = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : 0;
  if (signature >= core().info.signatures.size()) {
    ThrowInvalidArgument(env, "signature: the model has no such signature");
  }
  return NativeBinding::Wrap(env, info.This(), attached_, signature);
}

// share(description): the token that attachSession takes.
Napi::Value NativeSession::Share(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  if (!info[0].IsString()) ThrowInvalidArgument(env, "description: expected a string");
  return Napi::String::New(env,
                           SharedSessions::Process().Share(attached_->shared_core(),
                                                           info[0].As<Napi::String>().Utf8Value()));
}

Napi::Value AttachSession(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString()) ThrowInvalidArgument(env, "token: expected a string");
  std::shared_ptr<SessionCore> core;
  std::string description;
  Check(env, SharedSessions::Process().Attach(info[0].As<Napi::String>().Utf8Value(), &core,
                                              &description));
  auto attached = std::make_shared<AttachedSession>(std::move(core));
  Napi::Array result = Napi::Array::New(env, 2);
  result.Set(0U, NativeSession::Wrap(env, std::move(attached)));
  result.Set(1U, Napi::String::New(env, description));
  return result;
}

Napi::Value NativeSession::Release(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const JobId id = ReadJobId(env, info[0]);
  Environment& environment = Environment::Of(env);
  const bool was_last = attached_->LetGo();
  TakeBackReport(env);
  core().FlushBatches();
  if (was_last) {
    auto job = std::make_unique<ReleaseJob>(attached_->shared_core());
    Check(env, environment.PostExclusive(*core().queue, id, std::move(job)));
  } else {
    Check(env, environment.PostWaiting(id, std::make_unique<DetachJob>(attached_)));
  }
  return env.Undefined();
}

Napi::Value NativeSession::HasAwaitedRuns(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), attached_->HasAwaited());
}

Napi::Value NativeSession::ResetVariables(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  const JobId id = ReadJobId(env, info[0]);
  core().FlushBatches();
  Check(env, Environment::Of(env).PostExclusive(*core().queue, id,
                                                std::make_unique<ResetVariablesJob>(attached_)));
  return env.Undefined();
}

Napi::Value NativeSession::ResetVariablesSync(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  // Every place is claimed, so nothing runs beside it.
  size_t claimed = 0;
  while (claimed < core().info.concurrency && core().queue->TryEnter()) ++claimed;
  const bool alone = claimed == core().info.concurrency;
  const Status status = RunGuarded([&] {
    return alone
               ? core().session->ResetVariables()
               : Status(ErrorCode::kBusy, "resetVariablesSync: runs of the session are in flight");
  });
  for (; claimed > 0; --claimed) core().queue->Leave();
  Check(env, status);
  return env.Undefined();
}

Napi::Value NativeSession::EndProfiling(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  RequireOpen(env);
  std::string file;
  if (!EnterSynchronousRun(core())) {
    ThrowStatus(env, {ErrorCode::kBusy, "endProfiling: a run of the session is in flight"});
  }
  const Status status = RunGuarded([&] { return core().session->EndProfiling(&file); });
  LeaveSynchronousRun(core());
  Check(env, status);
  return Napi::String::New(env, file);
}

}  // namespace onlite
