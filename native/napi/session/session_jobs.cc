#include "napi/session/session_jobs.h"

#include <new>
#include <utility>

#include "napi/convert/errors.h"
#include "napi/environment/environment.h"
#include "napi/run/held_result.h"

namespace onlite {

void DropSession(Environment& environment, AttachedSession& session) noexcept {
  if (session.released() || !session.LetGo()) return;
  SessionCore& core = session.core();
  core.FlushBatches();
  try {
    environment.PostDetached(*core.queue, std::make_unique<ReleaseJob>(session.shared_core()));
  } catch (const std::bad_alloc&) {
    core.CloseWhenIdle();
  }
}

Napi::Value OutputsToJs(Napi::Env env, const RunResult& result) {
  Napi::Array outputs = Napi::Array::New(env, result.outputs.size());
  for (uint32_t index = 0; index < result.outputs.size(); ++index) {
    outputs.Set(index, ValueToJs(env, result.outputs[index]));
  }
  return outputs;
}

Napi::Value OutputsToJs(Napi::Env env, const RunArguments& arguments, RunResult* result) {
  Napi::Array outputs = Napi::Array::New(env, result->outputs.size());
  for (uint32_t index = 0; index < result->outputs.size(); ++index) {
    Value& value = result->outputs[index];
    if (arguments.held[index]) {
      outputs.Set(index, HoldResult(env, arguments.request, std::move(value)));
    } else {
      outputs.Set(index, ValueToJs(env, value));
    }
  }
  return outputs;
}

RunJob::RunJob(std::shared_ptr<AttachedSession> session, std::unique_ptr<RunArguments> arguments,
               int64_t called_at)
    : session_(std::move(session)),
      undelivered_(session_),
      arguments_(std::move(arguments)),
      called_at_(called_at) {
  arguments_->request.cancel = &cancel;
}

Status RunJob::Execute() {
  const SessionCore& core = session_->core();
  if (!core.session) return SessionReleased();
  queue_ns_ = MonotonicNow() - called_at_;
  return core.session->Run(arguments_->request, &result_);
}

Napi::Value RunJob::Result(Napi::Env env) {
  const SessionCore& core = session_->core();
  const int64_t fetch_started = core.Clock();
  Napi::Value outputs = OutputsToJs(env, *arguments_, &result_);
  if (!arguments_->is_warm_up) {
    session_->RecordSuccess(posting.id, called_at_, queue_ns_, result_.times,
                            core.Clock() - fetch_started, batch_rows_);
  }
  return outputs;
}

void RunJob::Failed(ErrorCode code) {
  if (!arguments_->is_warm_up) session_->RecordFailure(posting.id, called_at_, code);
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
