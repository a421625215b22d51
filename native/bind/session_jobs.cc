#include "bind/session_jobs.h"

#include <utility>

#include "bind/errors.h"

namespace onlite {

Status SessionReleased() { return {ErrorCode::kSessionReleased, "the session was released"}; }

Status EveryInterpreterBusy() {
  return {ErrorCode::kBusy,
          "runSync: every interpreter of the session is busy; await the runs in flight, or create "
          "the session with a higher concurrency"};
}

bool EnterSynchronousRun(SessionCore& core) {
  // ONNX Runtime takes any number of runs at once; an interpreter takes one.
  return core.info.engine == Engine::kOnnxRuntime || core.queue->TryEnter();
}

void LeaveSynchronousRun(SessionCore& core) {
  if (core.info.engine != Engine::kOnnxRuntime) core.queue->Leave();
}

Napi::Value OutputsToJs(Napi::Env env, const RunResult& result) {
  Napi::Array outputs = Napi::Array::New(env, result.outputs.size());
  for (uint32_t index = 0; index < result.outputs.size(); ++index) {
    outputs.Set(index, ValueToJs(env, result.outputs[index]));
  }
  return outputs;
}

void RecordRun(LatencyRecorder& latency, int64_t queue_ns, const RunTimes& times, int64_t fetch_ns,
               int64_t total_ns) {
  latency.Record(Phase::kQueue, queue_ns);
  latency.Record(Phase::kBind, times.bind_ns);
  latency.Record(Phase::kInvoke, times.invoke_ns);
  latency.Record(Phase::kFetch, times.fetch_ns + fetch_ns);
  latency.Record(Phase::kTotal, total_ns);
}

RunJob::RunJob(std::shared_ptr<SessionCore> core, std::unique_ptr<RunArguments> arguments,
               int64_t called_at)
    : core_(std::move(core)), arguments_(std::move(arguments)), called_at_(called_at) {
  arguments_->request.cancel = &cancel;
}

Status RunJob::Execute() {
  if (!core_->session) return SessionReleased();
  queue_ns_ = MonotonicNow() - called_at_;
  return core_->session->Run(arguments_->request, &result_);
}

Napi::Value RunJob::Result(Napi::Env env) {
  const int64_t fetch_started = MonotonicNow();
  Napi::Value outputs = OutputsToJs(env, result_);
  if (core_->record_latency && arguments_->record_latency) {
    const int64_t now = MonotonicNow();
    RecordRun(core_->latency, queue_ns_, result_.times, now - fetch_started, now - called_at_);
  }
  return outputs;
}

Status ReleaseJob::Execute() {
  core_->Close();
  return Status::Ok();
}

Status ResetVariablesJob::Execute() {
  if (!core_->session) return SessionReleased();
  return core_->session->ResetVariables();
}

}  // namespace onlite
