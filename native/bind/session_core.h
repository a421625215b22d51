#pragma once

#include <cstdint>
#include <memory>
#include <mutex>
#include <vector>

#include "core/batch_queue.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/run_statistics.h"
#include "runtimes/runtime.h"

namespace onlite {

struct BindingCore;

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
  /// Bytes of ours that live as long as the session, reported to V8.
  int64_t external_bytes = 0;
  /// Release was asked for: JavaScript may use neither session nor bindings.
  /// JS thread only.
  bool released = false;

  /// The clock, for what is recorded; 0 if nothing is.
  int64_t Clock() const { return record_latency ? MonotonicNow() : 0; }
  /// An asynchronous run succeeded; `fetch_ns` is what the JS thread took, beside
  /// the runtime's.
  void RecordSuccess(int64_t called_at, int64_t queue_ns, const RunTimes& times, int64_t fetch_ns) {
    if (!record_latency) return;
    statistics->RecordSuccess({.queue_ns = queue_ns,
                               .bind_ns = times.bind_ns,
                               .invoke_ns = times.invoke_ns,
                               .fetch_ns = times.fetch_ns + fetch_ns,
                               .total_ns = MonotonicNow() - called_at});
  }
  /// A run that was accepted came to an error.
  void RecordFailure(int64_t called_at, ErrorCode code) {
    if (record_latency) statistics->RecordFailure(code, MonotonicNow() - called_at);
  }
  /// The outcome of posting a run, which the queue may have refused.
  const Status& RecordPost(const Status& status) {
    if (record_latency && status.code() == ErrorCode::kQueueFull) statistics->RecordRejected();
    return status;
  }

  /// A binding that Close must destroy before the session. JS thread.
  void AddBinding(const std::shared_ptr<BindingCore>& binding);
  /// Destroys one binding, unless Close did. JS thread.
  void CloseBinding(BindingCore& binding);
  /// The dynamic outputs of a binding's last run; kSessionReleased after Close.
  Status TakeOutputs(BindingCore& binding, std::vector<Value>* values);
  /// Before an exclusive job is posted that must come after every run asked for.
  void FlushBatches() {
    if (batches) batches->Flush();
  }
  /// Destroys the bindings and the session. Any thread; nothing may be running.
  void Close();

 private:
  /// A forgotten binding is destroyed, and a finished one read, on the JS
  /// thread, perhaps while Close runs on another.
  std::mutex mutex_;
  std::vector<std::weak_ptr<BindingCore>> bindings_;
};

}  // namespace onlite
