#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "core/batch_queue.h"
#include "core/clock.h"
#include "core/executor.h"
#include "core/run_statistics.h"
#include "runtimes/session.h"
#include "session/binding_core.h"

namespace onlite {

class AttachedSession;

/// The native session behind one or more JavaScript sessions, of one thread or of several
/// (AttachedSession), their bindings and their jobs. No environment owns it: Close destroys the
/// runtime's session when the last of them has let go. Thread-safe, but for the members that are
/// set before it is used.
class SessionCore : public std::enable_shared_from_this<SessionCore> {
 public:
  SessionCore();
  SessionCore(const SessionCore&) = delete;
  SessionCore& operator=(const SessionCore&) = delete;

  /// There is one until Close, which nothing runs beside: for those that are attached, and for
  /// tasks of `queue`, which may find it null.
  std::unique_ptr<Session> session;
  /// info() as it was at creation: readable after release.
  SessionInfo info;
  std::shared_ptr<TaskQueue> queue;
  /// Gathers runs in front of `queue`; null without batching.
  std::shared_ptr<BatchQueue> batches;
  /// What became of the runs; its histograms are shown even after the session is gone.
  const std::shared_ptr<RunStatistics> statistics = std::make_shared<RunStatistics>();
  bool record_latency = true;
  /// What each JS thread's inline gate begins with.
  int64_t inline_limit_ns = 0;
  int inline_percentile = 99;
  /// Bytes of ours that live as long as the session, reported to V8 by one of the threads.
  int64_t external_bytes = 0;
  /// No two cores of the process have the same.
  const uint64_t number;

  /// One of the threads has reported them.
  std::atomic<bool> bytes_are_reported{false};
  /// Runs that a JS thread was asked for asynchronously and made itself.
  std::atomic<size_t> inline_runs{0};
  /// Jobs of all threads that somebody waits for.
  std::atomic<size_t> awaited{0};
  /// No run that could join a batch has made other rows than it was given. After the
  /// first that did none joins one.
  std::atomic<bool> keeps_rows{true};

  /// Counts one more that uses the session, beside the first, who has made it; false if the last
  /// has let go. Each lets go once.
  [[nodiscard]] bool Attach();
  bool has_users() const { return users_.load() > 0; }
  /// True for the last: who calls sees to Close.
  [[nodiscard]] bool LetGo();

  /// The clock, for what is recorded; 0 if nothing is.
  int64_t Clock() const { return record_latency ? MonotonicNow() : 0; }
  /// The outcome of posting a run, which the queue may have refused.
  Status RecordPost(Status status) {
    if (record_latency && status.code() == ErrorCode::kQueueFull) statistics->RecordRejected();
    return status;
  }

  /// A binding that Close must destroy before the session.
  void AddBinding(const std::shared_ptr<BindingCore>& binding);
  /// Destroys one binding, unless Close did. Nothing may use it.
  void CloseBinding(BindingCore& binding);
  /// The same for all of one JavaScript session's.
  void CloseBindingsOf(const AttachedSession& attached);
  /// The providers in use, or that were when the session was closed.
  std::vector<std::string> Providers();
  /// The dynamic outputs of a binding's last run in their order, or every output of a
  /// flexible binding if the run strayed; kSessionReleased after Close.
  Status TakeOutputs(BindingCore& binding, std::vector<Value>* values);
  /// Before an exclusive job is posted that must come after every run asked for.
  void FlushBatches() {
    if (batches) batches->Flush();
  }
  /// Destroys the bindings and the session. Nothing may be running.
  void Close();
  bool is_closed();
  /// Close for who can wait for nothing, once the last has let go: at once, or after the runs
  /// that there are, or not at all any more if the process ends.
  void CloseWhenIdle() noexcept;

 private:
  class CloseTask;

  std::atomic<size_t> users_{1};
  /// A forgotten binding is destroyed, and a finished one read, on a JS
  /// thread, perhaps while Close runs on another.
  std::mutex mutex_;
  std::vector<std::string> last_providers_;
  static constexpr size_t kFewBindings = 16;
  std::vector<std::weak_ptr<BindingCore>> bindings_;
  /// When they were last looked through, and at least kFewBindings.
  size_t live_bindings_ = kFewBindings;
};

/// What every use of a released session answers.
Status SessionReleased();

/// Claims what a run on a JS thread needs; false, at once, if every
/// interpreter is busy. Leave gives it back.
bool EnterSynchronousRun(SessionCore& core);
void LeaveSynchronousRun(SessionCore& core);
Status EveryInterpreterBusy();

}  // namespace onlite
