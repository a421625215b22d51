#include "napi/run/binding_run_job.h"

#include <cstring>
#include <utility>

#include "napi/convert/tensor_arguments.h"
#include "napi/run/native_binding.h"

namespace onlite {
namespace {

bool Fits(const Value& value, const TensorView& memory) {
  return value.kind == Value::Kind::kTensor && value.tensor.type == memory.type &&
         value.tensor.dims == memory.dims && value.tensor.byte_length == memory.byte_length;
}

/// Copies the results to the bound memory, or nothing, and false, if one does not fit there.
bool WriteOut(const std::vector<Value>& outputs, const std::vector<TensorView>& memory) {
  for (size_t index = 0; index < outputs.size(); ++index) {
    if (!Fits(outputs[index], memory[index])) return false;
  }
  for (size_t index = 0; index < outputs.size(); ++index) {
    if (memory[index].byte_length == 0) continue;
    std::memcpy(memory[index].data, outputs[index].tensor.data, memory[index].byte_length);
  }
  return true;
}

}  // namespace

Napi::Value UnboundOutputsToJs(Napi::Env env, const std::vector<Value>& outputs) {
  if (outputs.empty()) return {};
  Napi::Array encoded = Napi::Array::New(env, outputs.size());
  for (uint32_t index = 0; index < outputs.size(); ++index) {
    encoded.Set(index, ValueToJs(env, outputs[index]));
  }
  return encoded;
}

BindingRunJob::BindingRunJob(NativeBinding* binding, const std::shared_ptr<BindingCore>& core)
    : BatchedRun(core->session->shared_core()), binding_(binding), core_(core) {}

void BindingRunJob::Prepare(int64_t called_at, size_t copied_bytes) {
  cancel.Reset();
  called_at_ = called_at;
  copied_bytes_ = copied_bytes;
  times_ = {};
  batch_rows_ = core_->rows;
  has_part_ = false;
  outputs_.clear();
  finished_ = false;
  undelivered_.emplace(core_->session);
}

void BindingRunJob::TakePart(std::vector<Value> outputs, size_t batch_rows, int64_t started,
                             const RunTimes& times) {
  queue_ns_ = started - called_at_;
  times_ = times;
  batch_rows_ = batch_rows;
  if (!WriteOut(outputs, core_->outputs)) outputs_ = std::move(outputs);
  has_part_ = true;
}

Status BindingRunJob::Execute() {
  if (has_part_) return Status::Ok();
  if (!core_->binding) return SessionReleased();
  SessionCore& session = core_->session->core();
  const bool timed = session.record_latency || core_->session->inline_gate.is_enabled();
  if (timed) queue_ns_ = MonotonicNow() - called_at_;
  ONLITE_RETURN_IF_ERROR(core_->binding->Run(&cancel, timed ? &times_ : nullptr));
  if (core_->flexible && !core_->binding->strayed()) return Status::Ok();
  // Not in Result: a release that waits behind this run may close the binding before.
  ONLITE_RETURN_IF_ERROR(session.TakeOutputs(*core_, &outputs_));
  if (core_->rows > 0) CheckRows(outputs_);
  return Status::Ok();
}

Napi::Value BindingRunJob::Result(Napi::Env env) {
  AttachedSession& session = *core_->session;
  const int64_t fetch_started = session.core().Clock();
  finished_ = true;
  binding_->Finished(env, true);
  Napi::Value outputs = UnboundOutputsToJs(env, outputs_);
  session.RecordSuccess(posting.id, called_at_, queue_ns_, times_,
                        session.core().Clock() - fetch_started, batch_rows_);
  return outputs;
}

void BindingRunJob::Failed(ErrorCode code) {
  core_->session->RecordFailure(posting.id, called_at_, code);
}

void BindingRunJob::Abandoned() {
  if (undelivered_) undelivered_->Abandon();
}

void BindingRunJob::Settled(Napi::Env env) {
  if (!finished_) binding_->Finished(env, false);
}

void BindingRunJob::Retire(std::unique_ptr<Job> self) {
  outputs_.clear();
  undelivered_.reset();
  binding_->Keep(std::unique_ptr<BindingRunJob>(static_cast<BindingRunJob*>(self.release())));
}

}  // namespace onlite
