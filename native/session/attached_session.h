#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

#include "core/clock.h"
#include "core/inline_gate.h"
#include "session/run_records.h"
#include "session/session_core.h"

namespace onlite {

/// A session as one JavaScript object has it: that thread's part of a SessionCore. Its runs hold
/// it, so that it is there for those that end after it was released. JS thread only, but for
/// what Undelivered counts.
class AttachedSession {
 public:
  /// Of a core that was attached for it (SessionCore::Attach), or was just made.
  explicit AttachedSession(std::shared_ptr<SessionCore> core);
  AttachedSession(const AttachedSession&) = delete;
  AttachedSession& operator=(const AttachedSession&) = delete;
  /// Any thread. Lets go if nobody did.
  ~AttachedSession();

  SessionCore& core() const { return *core_; }
  const std::shared_ptr<SessionCore>& shared_core() const { return core_; }

  /// JavaScript may use neither the session nor its bindings any more, whose runs go on. True, each
  /// time, if it is the last of the core's to let go: then who calls sees to SessionCore::Close.
  bool LetGo();
  bool released() const { return released_; }

  /// Opens when the runs asked for here are so quick that this thread makes them itself.
  InlineGate inline_gate;
  /// Of the runs that JavaScript watches.
  RunRecords records;

  /// Jobs whose ends JavaScript has not heard of.
  size_t undelivered() const { return undelivered_.load(); }
  /// Somebody waits for a job that a release waits for: one of this session's or, if that was the
  /// last to let go, of any.
  bool HasAwaited() const;
  /// Whether a run that was asked for asynchronously had better be made here and now: it must not
  /// overtake another of this thread's.
  bool MayRunInline() const {
    return inline_gate.is_open() && undelivered_.load(std::memory_order_relaxed) == 0;
  }

  /// The asynchronous run of this job's id succeeded; `fetch_ns` is what the JS
  /// thread took, beside the runtime's; `batch_rows` as in RunRecord.
  void RecordSuccess(uint32_t id, int64_t called_at, int64_t queue_ns, const RunTimes& times,
                     int64_t fetch_ns, size_t batch_rows = 0);
  /// An asynchronous run succeeded that the JS thread has made itself.
  void RecordInline(int64_t invoke_ns, int64_t total_ns);
  /// A synchronous run succeeded.
  void RecordSynchronous(int64_t invoke_ns, int64_t total_ns) {
    if (core_->record_latency) core_->statistics->RecordSynchronous(invoke_ns, total_ns);
    if (records.kept()) KeepSynchronous(invoke_ns, total_ns);
  }
  /// A run that was accepted came to an error; `id` is its job's or
  /// RunRecords::kSynchronous.
  void RecordFailure(uint32_t id, int64_t called_at, ErrorCode code);

 private:
  friend class Undelivered;

  void KeepSynchronous(int64_t invoke_ns, int64_t total_ns);

  const std::shared_ptr<SessionCore> core_;
  bool released_ = false;
  bool was_last_ = false;
  std::atomic<size_t> undelivered_{0};
  std::atomic<size_t> awaited_{0};  // of them, those that somebody waits for
};

/// A job whose end JavaScript has not heard of, for as long as this lives. Any thread.
class Undelivered {
 public:
  explicit Undelivered(std::shared_ptr<AttachedSession> session);
  Undelivered(const Undelivered&) = delete;
  Undelivered& operator=(const Undelivered&) = delete;
  ~Undelivered();

  /// Nobody waits for the job any more.
  void Abandon();

 private:
  const std::shared_ptr<AttachedSession> session_;
  bool awaited_ = true;
};

}  // namespace onlite
