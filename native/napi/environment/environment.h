#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "core/batch_queue.h"
#include "core/executor.h"
#include "napi/environment/job.h"
#include "napi/environment/mailbox.h"
#include "napi/process/pinned_memory.h"

namespace onlite {

/// Outlives the environment in those whose finalizers run at its very end.
struct EnvironmentState {
  /// The main thread's: at its end the process goes away, so memory need not be given back.
  bool is_main_thread = false;
  /// The cleanup hook has run: nothing may be posted any more.
  bool closing = false;
};

/// What one instance of the addon in a Node environment (the main thread or a
/// worker) owns: the classes and the dispatcher that TypeScript handed over, the
/// jobs under way, and the way their completions reach the JS thread. Lives as
/// instance data; every method runs on the JS thread.
///
/// Each copy of our JavaScript in a thread has an instance of its own. What it handed
/// over is held strongly by the addon's exports, which that copy has, and by us only
/// while jobs are under way: a test runner's discarded modules can be collected.
///
/// Finished jobs wake the JS thread once however many they are, and (unless the
/// event loop has had no turn for a while, then in its next turn) are handed over
/// in their order: those that only succeeded by writing their ids to `succeeded`
/// and calling `dispatchSucceeded(count)`, the others by `dispatch(id, error,
/// result, …)`.
///
/// When the environment ends, its cleanup hook cancels what runs, drops what
/// waits and returns only when no thread works for it any more, because JS
/// memory that a run may be using goes away right after. Node runs no cleanup
/// hook on process.exit, signals and uncaught exceptions; then nothing is
/// released at all, and the detached threads end with the process.
class Environment {
 public:
  /// Throws if the instance was set up before. `config` is initialise's of
  /// lib/engine/addon/native.ts; `exports` is what that JavaScript holds as long as it lives.
  static void Create(Napi::Env env, const Napi::Object& exports, const Napi::Object& config);
  /// The environment's state; throws a JavaScript Error before Create.
  static Environment& Of(Napi::Env env);

  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
  ~Environment();

  Napi::Function make_error() const { return make_error_.Value(); }
  Executor& executor() const;
  /// For session creation and other work that may take long and is not a run.
  Executor& background() const;
  /// The environment's queue there.
  TaskQueue& maintenance_queue() { return *maintenance_queue_; }
  std::shared_ptr<const EnvironmentState> state() const { return state_; }

  /// The classes of the addon's objects; set once when the addon is set up, by Hold.
  Napi::FunctionReference session_class;
  Napi::FunctionReference binding_class;
  Napi::FunctionReference histogram_class;
  /// JavaScript's own, as it was when the addon was set up.
  Napi::FunctionReference array_buffer_class;

  PinnedMemory pinned;

  /// A reference to what is to live as long as the exports do, or a job.
  Napi::FunctionReference Hold(const Napi::Function& function);

  /// Queues the job; it is dispatched under `id` when it has ended. An error
  /// leaves nothing behind; the id must be free. The environment keeps the
  /// process alive meanwhile.
  Status Post(TaskQueue& queue, JobId id, std::unique_ptr<Job> job);
  /// The same for a job that may run in a batch; `member` is the job's.
  Status PostToBatch(BatchQueue& batches, JobId id, std::unique_ptr<Job> job, BatchMember* member);
  /// The same for a job that must run alone in its queue.
  Status PostExclusive(TaskQueue& queue, JobId id, std::unique_ptr<Job> job);
  /// The same for one that waits for others.
  Status PostWaiting(JobId id, std::unique_ptr<WaitingJob> job);
  /// A job nobody waits for; it does not keep the process alive. Where it cannot be posted it
  /// is dropped.
  void PostDetached(TaskQueue& queue, std::unique_ptr<Job> job) noexcept;

  /// Nobody waits for the job any more: it does not keep the process alive, and is dispatched
  /// without a result.
  void Disown(JobId id);

  /// Asks every job of every instance in this thread to stop.
  static void CancelAll();

  /// Asks a job to stop, whose result nobody waits for any more; `code` is the
  /// error that JavaScript gave instead. True if it had not started: then it is
  /// gone and is never dispatched. False if it runs (it is told to stop, and
  /// dispatched without a result when it has) or is unknown.
  bool Cancel(JobId id, ErrorCode code);

 private:
  /// A posted job that has not been dispatched, at the index of its id. The job
  /// holds its session, which holds the queue.
  struct Active {
    /// Null if it has started.
    std::unique_ptr<Job> TakeBack(uint64_t tag) const;

    Job* job = nullptr;             // null: the id is free
    TaskQueue* queue = nullptr;     // where the job waits: one of the two, the other is null;
    BatchQueue* batches = nullptr;  // of a WaitingJob both are
  };

  class Completions;

  /// What queues know a job by: they may have jobs of other environments under the same id.
  uint64_t TagOf(JobId id) const { return first_tag_ | id; }

  Environment(Napi::Env env, const Napi::Object& anchor, const Napi::Object& config);
  void KeepAlive(const Napi::Value& value);
  static void CleanUp(void* environment);
  static void OnWake(napi_env env, napi_value callback, void* context, void* data);
  static void OnTurn(napi_env env, napi_value callback, void* context, void* data);

  void Dispatch(Napi::Env env);
  void DispatchAll(Napi::Env env, TaskList& finished);
  bool AwaitsTurn(int64_t now) const;
  void AskForTurn(int64_t now);
  Status Register(Active active, JobId id);
  void Belong(Job& job);
  template <typename PostTo>
  Status PostRegistered(Active active, JobId id, const PostTo& post_to);
  void Forget(const Job& job);
  void NobodyAwaits();
  void EndWaiting();
  void Free(JobId id);
  void Close();

  napi_env env_;
  const uint64_t first_tag_;
  /// The instances of a thread.
  Environment* next_ = nullptr;
  /// Has what is held as its properties; strong while jobs are under way. The other
  /// references are weak.
  Napi::ObjectReference anchor_;
  uint32_t held_ = 0;
  Napi::FunctionReference make_error_;
  Napi::FunctionReference dispatch_;
  Napi::FunctionReference dispatch_succeeded_;
  Napi::Reference<Napi::Uint32Array> succeeded_;
  /// Calls OnTurn. The mailbox has the other one, which calls OnWake.
  napi_threadsafe_function turn_ = nullptr;
  /// The event loop turned, as far as we know, and we asked to be told of a turn.
  int64_t turned_ns_ = 0;
  int64_t asked_ns_ = 0;
  bool turn_is_asked_ = false;
  bool turn_is_near_ = false;
  size_t threads_;
  std::shared_ptr<EnvironmentState> state_;
  std::shared_ptr<TaskQueue> maintenance_queue_;
  std::shared_ptr<Mailbox> mailbox_;
  std::vector<Active> active_;  // by id
  std::vector<std::unique_ptr<WaitingJob>> waiting_;
  size_t active_count_ = 0;   // of active_, those that are taken
  size_t awaited_count_ = 0;  // and of them those that somebody waits for
  Mailbox::Count posted_;     // jobs that end in the mailbox
};

/// prepareExit(code): waits for work that the end of the process must not overtake, a limited
/// time, and lets no more of it begin. `code` is the process's.
Napi::Value PrepareExit(const Napi::CallbackInfo& info);

}  // namespace onlite
