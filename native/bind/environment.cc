#include "bind/environment.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "bind/errors.h"
#include "core/exit_gate.h"
#include "core/latency.h"
#include "runtimes/runtime.h"

namespace onlite {

/// Completions handed over at once. As arguments, because filling an array could
/// run a setter that somebody put on Array.prototype.
constexpr size_t kCompletionsPerCall = 256;

/// Dispatches that follow each other within the gap are one burst; after so long
/// a burst the event loop gets a turn.
constexpr int64_t kBurstGapNs = 100'000;
constexpr int64_t kBurstNs = 1'000'000;

/// The part of an environment that executor threads touch. They hold it, so it
/// outlives the environment if need be.
struct Environment::Mailbox {
  std::mutex mutex;
  std::condition_variable idle;
  napi_threadsafe_function wake = nullptr;  // null once the environment closes
  bool wake_sent = false;
  size_t outstanding = 0;  // posted tasks that have not ended
  std::vector<std::pair<JobId, std::unique_ptr<Job>>> finished;

  void Started() {
    const std::lock_guard lock(mutex);
    ++outstanding;
  }

  /// `job` is null for a detached job.
  void Ended(JobId id, std::unique_ptr<Job> job) {
    const std::lock_guard lock(mutex);
    if (job) finished.emplace_back(id, std::move(job));
    if (--outstanding == 0) idle.notify_all();
    if (finished.empty() || wake_sent || wake == nullptr) return;
    wake_sent = napi_call_threadsafe_function(wake, nullptr, napi_tsfn_nonblocking) == napi_ok;
  }
};

/// Runs a job on the executor and posts it to the mailbox.
class Environment::JobTask : public Task {
 public:
  JobTask(std::shared_ptr<Mailbox> mailbox, JobId id, std::unique_ptr<Job> job, bool detached)
      : mailbox_(std::move(mailbox)), id_(id), detached_(detached), job_(std::move(job)) {
    mailbox_->Started();
  }

  ~JobTask() override {
    if (!ended_) mailbox_->Ended(id_, nullptr);
  }

  void Run() override {
    job_->status = Execute();
    if (detached_) job_.reset();
  }

  void Finished() override {
    ended_ = true;
    mailbox_->Ended(id_, std::move(job_));
  }

 private:
  Status Execute() {
    if (job_->cancel.cancelled()) {
      return {ErrorCode::kCancelled, "the run was cancelled before it started"};
    }
    ExitGate& gate = ExitGate::Process();
    const bool waits = job_->ExitWaits();
    if (waits ? !gate.Enter() : !gate.EnterRun()) {
      return {ErrorCode::kCancelled, "the process is ending"};
    }
    Status status = ExecuteGuarded();
    waits ? gate.Leave() : gate.LeaveRun();
    return status;
  }

  Status ExecuteGuarded() {
    try {
      return job_->Execute();
    } catch (const std::exception& error) {
      // Out of memory, in practice; the thread must not die of it.
      return {ErrorCode::kRunFailed, "the operation failed", error.what()};
    }
  }

  const std::shared_ptr<Mailbox> mailbox_;
  const JobId id_;
  const bool detached_;
  bool ended_ = false;
  std::unique_ptr<Job> job_;
};

void Environment::Create(Napi::Env env, const Napi::Object& config) {
  if (env.GetInstanceData<Environment>() != nullptr) {
    throw Napi::Error::New(env, "onlite: the addon is initialised already");
  }
  env.SetInstanceData(new Environment(env, config));
}

Environment& Environment::Of(Napi::Env env) {
  auto* environment = env.GetInstanceData<Environment>();
  if (environment == nullptr) {
    throw Napi::Error::New(env, "onlite: the addon is not initialised");
  }
  return *environment;
}

Environment::Environment(Napi::Env env, const Napi::Object& config)
    : env_(env),
      error_class_(Napi::Persistent(config.Get("errorClass").As<Napi::Function>())),
      dispatch_(Napi::Persistent(config.Get("dispatch").As<Napi::Function>())),
      defer_(Napi::Persistent(config.Get("defer").As<Napi::Function>())),
      threads_(std::max<size_t>(1, config.Get("threads").ToNumber().Uint32Value())),
      state_(std::make_shared<EnvironmentState>(
          EnvironmentState{config.Get("isMainThread").ToBoolean(), false})),
      mailbox_(std::make_shared<Mailbox>()) {
  SetDefaultThreadCount(static_cast<int>(threads_));
  // One place less than there are threads: a model that loads must not hold up every run.
  maintenance_queue_ =
      executor().CreateQueue(std::max<size_t>(1, executor().thread_count() - 1), SIZE_MAX / 2);
  Check(env, napi_create_threadsafe_function(env, nullptr, nullptr,
                                             Napi::String::New(env, "onlite"), 0, 1, nullptr,
                                             nullptr, this, &Environment::OnWake, &mailbox_->wake));
  Check(env, napi_unref_threadsafe_function(env, mailbox_->wake));
  // Hooks run last in, first out: ours must come before the one of the
  // thread-safe function, which frees it.
  Check(env, napi_add_env_cleanup_hook(env, &Environment::CleanUp, this));
}

Environment::~Environment() {
  // Instance data is deleted after the cleanup hooks ran; references are
  // dropped with the environment.
  error_class_.SuppressDestruct();
  dispatch_.SuppressDestruct();
  defer_.SuppressDestruct();
  session_class.SuppressDestruct();
  binding_class.SuppressDestruct();
}

Executor& Environment::executor() const { return Executor::Process(threads_); }

std::unique_ptr<Environment::JobTask> Environment::Register(Active active, JobId id,
                                                            std::unique_ptr<Job> job) {
  if (active_.empty()) napi_ref_threadsafe_function(env_, mailbox_->wake);
  active.job = job.get();
  active_.insert_or_assign(id, std::move(active));
  return std::make_unique<JobTask>(mailbox_, id, std::move(job), false);
}

void Environment::Forget(JobId id) {
  if (active_.erase(id) == 0 || !active_.empty()) return;
  if (!state_->closing) napi_unref_threadsafe_function(env_, mailbox_->wake);
}

Status Environment::Post(TaskQueue& queue, JobId id, std::unique_ptr<Job> job) {
  // Registered first: the job may have ended before TaskQueue::Post returns.
  Status status =
      queue.Post(id, Register({queue.shared_from_this(), nullptr, nullptr}, id, std::move(job)));
  if (!status.ok()) Forget(id);
  return status;
}

Status Environment::PostToBatch(BatchQueue& batches, JobId id, std::unique_ptr<Job> job,
                                BatchMember* member) {
  Status status = batches.Post(
      id, Register({nullptr, batches.shared_from_this(), nullptr}, id, std::move(job)), member);
  if (!status.ok()) Forget(id);
  return status;
}

void Environment::PostExclusive(TaskQueue& queue, JobId id, std::unique_ptr<Job> job) {
  queue.PostExclusive(id,
                      Register({queue.shared_from_this(), nullptr, nullptr}, id, std::move(job)));
}

void Environment::PostDetached(TaskQueue& queue, std::unique_ptr<Job> job) {
  queue.PostExclusive(0, std::make_unique<JobTask>(mailbox_, 0, std::move(job), true));
}

bool Environment::Cancel(JobId id) {
  const auto found = active_.find(id);
  if (found == active_.end()) return false;
  const std::unique_ptr<Task> removed = found->second.TakeBack(id);
  if (removed) {
    found->second.job->Settled(env_);
    Forget(id);
    return true;
  }
  found->second.job->cancel.Cancel();
  return false;
}

// Node calls a thread-safe function up to 1000 times without a turn of the event
// loop as long as it is called anew meanwhile, which small runs in a closed loop
// see to.
bool Environment::HogsEventLoop() {
  const int64_t now = MonotonicNow();
  if (now - dispatched_ns_ > kBurstGapNs) burst_began_ns_ = now;
  return now - burst_began_ns_ > kBurstNs;
}

void Environment::Flush(Napi::Env env) {
  if (state_->closing) return;
  burst_began_ns_ = MonotonicNow();
  Dispatch(env);
}

void Environment::CancelAll() {
  for (const auto& [id, active] : active_) active.job->cancel.Cancel();
}

void Environment::OnWake(napi_env env, napi_value /*callback*/, void* context, void* /*data*/) {
  auto* environment = static_cast<Environment*>(context);
  // Node calls with a null env while it tears the function down.
  if (env == nullptr || environment->state_->closing) return;
  try {
    if (environment->HogsEventLoop()) {
      // wake_sent stays set: nobody wakes us until Flush.
      environment->defer_.Value().Call({});
    } else {
      environment->Dispatch(Napi::Env(env));
    }
  } catch (const Napi::Error& error) {
    // A worker that is being terminated cannot run JavaScript any more; its
    // cleanup hook sees to the rest. Anything else is an uncaught exception.
    napi_fatal_exception(env, error.Value());
  }
}

void Environment::Dispatch(Napi::Env env) {
  std::vector<std::pair<JobId, std::unique_ptr<Job>>> finished;
  {
    const std::lock_guard lock(mailbox_->mutex);
    mailbox_->wake_sent = false;
    finished.swap(mailbox_->finished);
  }
  if (finished.empty()) return;
  // All of them before anything can throw, as it does in a worker that is being
  // terminated: Close must not find a job that went away with `finished`.
  for (const auto& entry : finished) Forget(entry.first);
  const Napi::HandleScope scope(env);
  std::vector<napi_value> completions;
  completions.reserve(3 * std::min(finished.size(), kCompletionsPerCall));
  for (auto& [id, job] : finished) {
    Napi::Value error = env.Undefined();
    Napi::Value result = env.Undefined();
    try {
      if (job->status.ok()) {
        result = job->Result(env);
      } else {
        error = ToJsError(env, job->status);
      }
    } catch (const Napi::Error& thrown) {
      // What one job throws is its own error; the others still hear of theirs.
      error = thrown.Value();
    }
    job->Settled(env);
    job.reset();
    completions.insert(completions.end(), {Napi::Number::New(env, id), error, result});
    if (completions.size() < 3 * kCompletionsPerCall) continue;
    dispatch_.Value().Call(completions);
    completions.clear();
  }
  if (!completions.empty()) dispatch_.Value().Call(completions);
  dispatched_ns_ = MonotonicNow();
}

void Environment::CleanUp(void* environment) { static_cast<Environment*>(environment)->Close(); }

void Environment::Close() {
  state_->closing = true;
  napi_threadsafe_function wake = nullptr;
  {
    const std::lock_guard lock(mailbox_->mutex);
    wake = std::exchange(mailbox_->wake, nullptr);
  }
  for (const auto& [id, active] : active_) {
    if (!active.TakeBack(id)) active.job->cancel.Cancel();
  }
  active_.clear();
  {
    std::unique_lock lock(mailbox_->mutex);
    mailbox_->idle.wait(lock, [this] { return mailbox_->outstanding == 0; });
    mailbox_->finished.clear();
  }
  napi_release_threadsafe_function(wake, napi_tsfn_abort);
}

}  // namespace onlite
