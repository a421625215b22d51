#include "session/session_core.h"

#include <algorithm>

#include "core/heap_trim.h"

namespace onlite {

void SessionCore::RecordSuccess(uint32_t id, int64_t called_at, int64_t queue_ns,
                                const RunTimes& times, int64_t fetch_ns, size_t batch_rows) {
  inline_gate.RecordElsewhere(times.invoke_ns);
  RunRecord record;
  if (record_latency) {
    record.phases = {.queue_ns = queue_ns,
                     .bind_ns = times.bind_ns,
                     .invoke_ns = times.invoke_ns,
                     .fetch_ns = times.fetch_ns + fetch_ns,
                     .total_ns = MonotonicNow() - called_at};
    statistics->RecordSuccess(record.phases);
  }
  if (!records.kept()) return;
  record.batch_rows = batch_rows;
  records.Keep(id, record);
}

void SessionCore::RecordInline(int64_t invoke_ns, int64_t total_ns) {
  ++inline_runs;
  inline_gate.RecordHere(invoke_ns);
  if (record_latency) {
    statistics->RecordSuccess({.invoke_ns = invoke_ns, .total_ns = total_ns});
  }
}

void SessionCore::KeepSynchronous(int64_t invoke_ns, int64_t total_ns) {
  RunRecord record;
  if (record_latency) {
    record.phases.invoke_ns = invoke_ns;
    record.phases.total_ns = total_ns;
  }
  records.Keep(RunRecords::kSynchronous, record);
}

void SessionCore::RecordFailure(uint32_t id, int64_t called_at, ErrorCode code) {
  RunRecord record;
  if (record_latency) {
    record.phases.total_ns = MonotonicNow() - called_at;
    statistics->RecordFailure(code, record.phases.total_ns);
  }
  if (records.kept()) records.Keep(id, record);
}

void SessionCore::AddBinding(const std::shared_ptr<BindingCore>& binding) {
  const std::lock_guard lock(mutex_);
  // Looked through when they have doubled, so that many bindings cost no more each than few.
  if (bindings_.size() >= 2 * live_bindings_) {
    std::erase_if(bindings_, [](const auto& other) { return other.expired(); });
    live_bindings_ = std::max<size_t>(bindings_.size(), kFewBindings);
  }
  bindings_.push_back(binding);
}

void SessionCore::CloseBinding(BindingCore& binding) {
  const std::lock_guard lock(mutex_);
  binding.binding.reset();
  binding.carried.clear();
}

Status SessionCore::TakeOutputs(BindingCore& binding, std::vector<Value>* values) {
  if (binding.dynamic_outputs.empty() && !binding.flexible) return Status::Ok();
  const std::lock_guard lock(mutex_);
  if (!binding.binding) return SessionReleased();
  if (binding.flexible && binding.binding->strayed()) {
    const size_t count = info.signatures[binding.signature].outputs.size();
    for (size_t index = 0; index < count; ++index) {
      ONLITE_RETURN_IF_ERROR(binding.binding->TakeOutput(index, &values->emplace_back()));
    }
    return Status::Ok();
  }
  for (const size_t index : binding.dynamic_outputs) {
    ONLITE_RETURN_IF_ERROR(binding.binding->TakeOutput(index, &values->emplace_back()));
  }
  return Status::Ok();
}

std::vector<std::string> SessionCore::Providers() {
  const std::lock_guard lock(mutex_);
  return session ? session->providers() : last_providers_;
}

void SessionCore::Close() {
  const std::lock_guard lock(mutex_);
  if (session) last_providers_ = session->providers();
  for (const auto& weak : bindings_) {
    if (const auto binding = weak.lock()) {
      binding->binding.reset();
      binding->carried.clear();
    }
  }
  bindings_.clear();
  if (session == nullptr) return;
  session.reset();
  // Not before: that may take longer than the moment that the trimmer waits.
  TrimHeapSoon();
}

Status SessionReleased() { return {ErrorCode::kSessionReleased, "the session was released"}; }

Status EveryInterpreterBusy() {
  return {ErrorCode::kBusy,
          "runSync: as many runs are in flight as the session makes at once; await them, or create "
          "the session with a higher concurrency"};
}

bool EnterSynchronousRun(SessionCore& core) {
  return core.info.reentrant || core.queue->TryEnter();
}

void LeaveSynchronousRun(SessionCore& core) {
  if (!core.info.reentrant) core.queue->Leave();
}

}  // namespace onlite
