#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/batch_queue.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/inline_gate.h"
#include "core/run_statistics.h"
#include "runtimes/session.h"
#include "session/binding_core.h"
#include "session/run_records.h"

namespace onlite {

/// What a JavaScript session, its bindings and its jobs share. The runtime's
/// session is destroyed by Close, or with the last holder.
class SessionCore {
 public:
  std::unique_ptr<Session> session;
  /// info() as it was at creation: readable after release.
  SessionInfo info;
  std::shared_ptr<TaskQueue> queue;
  /// Gathers runs in front of `queue`; null without batching.
  std::shared_ptr<BatchQueue> batches;
  /// What became of the runs; its histograms are shown even after the session is gone.
  const std::shared_ptr<RunStatistics> statistics = std::make_shared<RunStatistics>();
  bool record_latency = true;
  /// Opens when the session's runs are so quick that the JS thread makes them itself.
  /// JS thread only.
  InlineGate inline_gate;
  /// Runs that the JS thread was asked for asynchronously and made itself. JS thread only.
  size_t inline_runs = 0;
  /// Jobs whose order among the runs counts, and whose ends JavaScript has not heard of.
  std::atomic<size_t> undelivered{0};
  /// Of the runs that JavaScript watches. JS thread only.
  RunRecords records;
  /// No run that could join a batch has made other rows than it was given. After the
  /// first that did none joins one.
  std::atomic<bool> keeps_rows{true};
  /// Bytes of ours that live as long as the session, reported to V8.
  int64_t external_bytes = 0;
  /// Release was asked for: JavaScript may use neither session nor bindings.
  /// JS thread only.
  bool released = false;

  /// The clock, for what is recorded; 0 if nothing is.
  int64_t Clock() const { return record_latency ? MonotonicNow() : 0; }
  /// The asynchronous run of this job's id succeeded; `fetch_ns` is what the JS
  /// thread took, beside the runtime's; `batch_rows` as in RunRecord.
  void RecordSuccess(uint32_t id, int64_t called_at, int64_t queue_ns, const RunTimes& times,
                     int64_t fetch_ns, size_t batch_rows = 0);
  /// Whether a run that was asked for asynchronously had better be made here and now. JS thread.
  bool MayRunInline() const {
    return inline_gate.is_open() && undelivered.load(std::memory_order_relaxed) == 0;
  }
  /// An asynchronous run succeeded that the JS thread has made itself.
  void RecordInline(int64_t invoke_ns, int64_t total_ns);
  /// A synchronous run succeeded.
  void RecordSynchronous(int64_t invoke_ns, int64_t total_ns) {
    if (record_latency) statistics->RecordSynchronous(invoke_ns, total_ns);
    if (records.kept()) KeepSynchronous(invoke_ns, total_ns);
  }
  /// A run that was accepted came to an error; `id` is its job's or
  /// RunRecords::kSynchronous.
  void RecordFailure(uint32_t id, int64_t called_at, ErrorCode code);
  /// The outcome of posting a run, which the queue may have refused.
  Status RecordPost(Status status) {
    if (record_latency && status.code() == ErrorCode::kQueueFull) statistics->RecordRejected();
    return status;
  }

  /// A binding that Close must destroy before the session. JS thread.
  void AddBinding(const std::shared_ptr<BindingCore>& binding);
  /// Destroys one binding, unless Close did. JS thread.
  void CloseBinding(BindingCore& binding);
  /// The providers in use, or that were when the session was closed.
  std::vector<std::string> Providers();
  /// The dynamic outputs of a binding's last run in their order, or every output of a
  /// flexible binding if the run strayed; kSessionReleased after Close.
  Status TakeOutputs(BindingCore& binding, std::vector<Value>* values);
  /// Before an exclusive job is posted that must come after every run asked for.
  void FlushBatches() {
    if (batches) batches->Flush();
  }
  /// Destroys the bindings and the session. Any thread; nothing may be running.
  void Close();

 private:
  void KeepSynchronous(int64_t invoke_ns, int64_t total_ns);

  /// A forgotten binding is destroyed, and a finished one read, on the JS
  /// thread, perhaps while Close runs on another.
  std::mutex mutex_;
  std::vector<std::string> last_providers_;
  static constexpr size_t kFewBindings = 16;
  std::vector<std::weak_ptr<BindingCore>> bindings_;
  /// When they were last looked through, and at least kFewBindings.
  size_t live_bindings_ = kFewBindings;
};

/// Counts one of SessionCore::undelivered for as long as it lives.
class Undelivered {
 public:
  explicit Undelivered(std::shared_ptr<SessionCore> core) : core_(std::move(core)) {
    core_->undelivered.fetch_add(1, std::memory_order_relaxed);
  }
  Undelivered(const Undelivered&) = delete;
  Undelivered& operator=(const Undelivered&) = delete;
  ~Undelivered() { core_->undelivered.fetch_sub(1, std::memory_order_relaxed); }

 private:
  const std::shared_ptr<SessionCore> core_;
};

/// What every use of a released session answers.
Status SessionReleased();

/// Claims what a run on the JS thread needs; false, at once, if every
/// interpreter is busy. Leave gives it back.
bool EnterSynchronousRun(SessionCore& core);
void LeaveSynchronousRun(SessionCore& core);
Status EveryInterpreterBusy();

}  // namespace onlite
