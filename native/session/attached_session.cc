#include "session/attached_session.h"

namespace onlite {

AttachedSession::AttachedSession(std::shared_ptr<SessionCore> core) : core_(std::move(core)) {
  inline_gate.SetLimit(core_->inline_limit_ns, core_->inline_percentile);
}

AttachedSession::~AttachedSession() {
  if (!released_ && LetGo()) core_->CloseWhenIdle();
}

bool AttachedSession::LetGo() {
  if (!std::exchange(released_, true)) was_last_ = core_->LetGo();
  return was_last_;
}

bool AttachedSession::HasAwaited() const {
  return (was_last_ ? core_->awaited : awaited_).load() > 0;
}

void AttachedSession::RecordSuccess(uint32_t id, int64_t called_at, int64_t queue_ns,
                                    const RunTimes& times, int64_t fetch_ns, size_t batch_rows) {
  inline_gate.RecordElsewhere(times.invoke_ns);
  RunRecord record;
  if (core_->record_latency) {
    record.phases = {.queue_ns = queue_ns,
                     .bind_ns = times.bind_ns,
                     .invoke_ns = times.invoke_ns,
                     .fetch_ns = times.fetch_ns + fetch_ns,
                     .total_ns = MonotonicNow() - called_at};
    core_->statistics->RecordSuccess(record.phases);
  }
  if (!records.kept()) return;
  record.batch_rows = batch_rows;
  records.Keep(id, record);
}

void AttachedSession::RecordInline(int64_t invoke_ns, int64_t total_ns) {
  core_->inline_runs.fetch_add(1, std::memory_order_relaxed);
  inline_gate.RecordHere(invoke_ns);
  if (core_->record_latency) {
    core_->statistics->RecordSuccess({.invoke_ns = invoke_ns, .total_ns = total_ns});
  }
}

void AttachedSession::KeepSynchronous(int64_t invoke_ns, int64_t total_ns) {
  RunRecord record;
  if (core_->record_latency) {
    record.phases.invoke_ns = invoke_ns;
    record.phases.total_ns = total_ns;
  }
  records.Keep(RunRecords::kSynchronous, record);
}

void AttachedSession::RecordFailure(uint32_t id, int64_t called_at, ErrorCode code) {
  RunRecord record;
  if (core_->record_latency) {
    record.phases.total_ns = MonotonicNow() - called_at;
    core_->statistics->RecordFailure(code, record.phases.total_ns);
  }
  if (records.kept()) records.Keep(id, record);
}

Undelivered::Undelivered(std::shared_ptr<AttachedSession> session) : session_(std::move(session)) {
  session_->undelivered_.fetch_add(1, std::memory_order_relaxed);
  session_->awaited_.fetch_add(1, std::memory_order_relaxed);
  session_->core().awaited.fetch_add(1, std::memory_order_relaxed);
}

void Undelivered::Abandon() {
  if (!std::exchange(awaited_, false)) return;
  session_->awaited_.fetch_sub(1, std::memory_order_relaxed);
  session_->core().awaited.fetch_sub(1, std::memory_order_relaxed);
}

Undelivered::~Undelivered() {
  Abandon();
  session_->undelivered_.fetch_sub(1, std::memory_order_relaxed);
}

}  // namespace onlite
