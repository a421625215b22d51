#include "napi/environment/environment.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "core/clock.h"
#include "core/exit_gate.h"
#include "core/quick_exit.h"
#include "napi/convert/errors.h"
#include "runtimes/default_threads.h"
#include "runtimes/runtime.h"

namespace onlite {

/// Completions handed over at once. As arguments, because filling an array could
/// run a setter that somebody put on Array.prototype.
constexpr size_t kCompletionsPerCall = 64;
constexpr size_t kSucceededPerCall = 64;

/// About what it costs the JS thread to go to sleep and be woken.

/// Ids are handed out densely, so one far beyond the others is none of ours.
constexpr size_t kIdSlack = 1024;

/// Nobody removes a detached job, so they share a tag; it is no id and no batch's.
constexpr uint64_t kDetachedTag = UINT64_MAX;

/// Completions may follow each other for so long before the event loop gets a turn,
/// half of it before we ask to be told of one.
constexpr int64_t kBurstNs = 1'000'000;

namespace {

/// The job hears of its failure; where there is no memory to record it, it is not recorded.
void Fail(Job& job, ErrorCode code) noexcept {
  try {
    job.Failed(code);
  } catch (const std::exception&) {
    // The promise has the error in any case.
  }
}

}  // namespace

/// Collects what JavaScript is to be told, and tells it. Allocates nothing: no job is lost.
class Environment::Completions {
 public:
  Completions(Napi::Env env, Environment& environment) : env_(env), environment_(environment) {}

  /// Empty values are undefined.
  void Add(JobId id, const Napi::Value& error, const Napi::Value& result) {
    if (error.IsEmpty() && result.IsEmpty()) {
      if (others_count_ > 0 || succeeded_count_ == succeeded_.size()) Flush();
      succeeded_[succeeded_count_++] = id;
      return;
    }
    if (succeeded_count_ > 0 || others_count_ == others_.size()) Flush();
    const napi_value undefined = env_.Undefined();
    others_[others_count_++] = Napi::Number::New(env_, id);
    others_[others_count_++] = error.IsEmpty() ? undefined : error;
    others_[others_count_++] = result.IsEmpty() ? undefined : result;
  }

  void Flush() {
    FlushSucceeded();
    if (others_count_ == 0) return;
    environment_.dispatch_.Value().Call(std::exchange(others_count_, 0), others_.data());
  }

 private:
  /// By the array that is shared with JavaScript, which may take its memory away
  /// whenever it runs.
  void FlushSucceeded() {
    const size_t count = std::exchange(succeeded_count_, 0);
    for (size_t told = 0; told < count;) {
      Napi::Uint32Array shared = environment_.succeeded_.Value();
      const size_t length = std::min(shared.ElementLength(), count - told);
      if (length == 0) throw Napi::Error::New(env_, "onlite: succeeded has no elements left");
      std::copy_n(&succeeded_[told], length, shared.Data());
      told += length;
      environment_.dispatch_succeeded_.Value().Call(
          {Napi::Number::New(env_, static_cast<double>(length))});
    }
  }

  const Napi::Env env_;
  Environment& environment_;
  std::array<JobId, kSucceededPerCall> succeeded_{};  // the first succeeded_count_
  size_t succeeded_count_ = 0;
  std::array<napi_value, 3 * kCompletionsPerCall> others_{};  // the first others_count_
  size_t others_count_ = 0;
};

namespace {

/// Without calling anything of the program's, as a setter on a prototype.
void Define(Napi::Env env, const Napi::Object& object, const Napi::Value& name,
            const Napi::Value& value) {
  napi_property_descriptor property = {};
  property.name = name;
  property.value = value;
  Check(env, napi_define_properties(env, object, 1, &property));
}

/// What our messages to the event loop belong to: nothing of the program's. Node notes the
/// values of AsyncLocalStorage on it, those of a test runner's test or of a server's first
/// request, which would be kept for ever. It cannot be written to.
Napi::Value ResourceWithoutContext(Napi::Env env) {
  const Napi::Value proxy = env.Global().Get("Proxy");
  if (!proxy.IsFunction()) return env.Undefined();
  const auto accept = Napi::Function::New(
      env, [](const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), true); });
  const auto handler = Napi::Object::New(env);
  Define(env, handler, Napi::String::New(env, "set"), accept);
  return proxy.As<Napi::Function>().New({Napi::Object::New(env), handler});
}

/// The first of this thread's instances.
thread_local Environment* first_environment = nullptr;

/// At the process's own 'exit': a test runner gives its modules another `process`, which
/// never emits it. Workers end by their cleanup hooks, before the main thread does.
void ListenForExit(Napi::Env env) {
  const Napi::Value process = env.Global().Get("process");
  if (!process.IsObject()) return;
  const Napi::Value on = process.As<Napi::Object>().Get("on");
  if (!on.IsFunction()) return;
  on.As<Napi::Function>().Call(
      process, {Napi::String::New(env, "exit"), Napi::Function::New<PrepareExit>(env)});
}

}  // namespace

Napi::Value PrepareExit(const Napi::CallbackInfo& info) {
  // Before the gate has expired, from when on another thread may leave the process.
  SetExitCode(info[0].IsNumber() ? info[0].As<Napi::Number>().Int32Value() : 0);
  if (!ExitGate::Process().Close([] { Environment::CancelAll(); })) GuardExit();
  return info.Env().Undefined();
}

void Environment::Create(Napi::Env env, const Napi::Object& exports, const Napi::Object& config) {
  if (env.GetInstanceData<Environment>() != nullptr) {
    throw Napi::Error::New(env, "onlite: the addon is initialised already");
  }
  for (const char* name : {"makeError", "dispatch", "dispatchSucceeded"}) {
    if (!config.Get(name).IsFunction()) {
      throw Napi::TypeError::New(env, std::string(name) + ": expected a function");
    }
  }
  const Napi::Value succeeded = config.Get("succeeded");
  if (!succeeded.IsTypedArray() ||
      succeeded.As<Napi::TypedArray>().TypedArrayType() != napi_uint32_array) {
    throw Napi::TypeError::New(env, "succeeded: expected a Uint32Array");
  }
  const auto anchor = Napi::Object::New(env);
  Define(env, exports, Napi::Symbol::New(env, "onlite"), anchor);
  const bool is_first = first_environment == nullptr;
  auto* environment = new Environment(env, anchor, config);
  env.SetInstanceData(environment);
  if (is_first && environment->state_->is_main_thread) ListenForExit(env);
}

Environment& Environment::Of(Napi::Env env) {
  auto* environment = env.GetInstanceData<Environment>();
  if (environment == nullptr) {
    throw Napi::Error::New(env, "onlite: the addon is not initialised");
  }
  return *environment;
}

Environment::Environment(Napi::Env env, const Napi::Object& anchor, const Napi::Object& config)
    : env_(env),
      anchor_(Napi::Weak(anchor)),
      make_error_(Hold(config.Get("makeError").As<Napi::Function>())),
      dispatch_(Hold(config.Get("dispatch").As<Napi::Function>())),
      dispatch_succeeded_(Hold(config.Get("dispatchSucceeded").As<Napi::Function>())),
      succeeded_(Napi::Weak(config.Get("succeeded").As<Napi::Uint32Array>())),
      threads_(std::max<size_t>(1, config.Get("threads").ToNumber().Uint32Value())),
      state_(std::make_shared<EnvironmentState>(
          EnvironmentState{config.Get("isMainThread").ToBoolean(), false})),
      mailbox_(std::make_shared<Mailbox>()) {
  KeepAlive(succeeded_.Value());
  SetDefaultThreadCount(static_cast<int>(threads_));
  DisableTelemetry();
  array_buffer_class = Napi::Persistent(env.Global().Get("ArrayBuffer").As<Napi::Function>());
  // The executor's threads are the limit, not the queue's places: a load that hangs keeps its own.
  constexpr size_t kUnlimited = SIZE_MAX / 2;
  maintenance_queue_ = background().CreateQueue(kUnlimited, kUnlimited);
  const Napi::Value resource = ResourceWithoutContext(env);
  const auto create = [&](napi_threadsafe_function_call_js call) {
    napi_threadsafe_function function = nullptr;
    Check(env,
          napi_create_threadsafe_function(env, nullptr, resource, Napi::String::New(env, "onlite"),
                                          0, 1, nullptr, nullptr, this, call, &function));
    Check(env, napi_unref_threadsafe_function(env, function));
    return function;
  };
  napi_threadsafe_function wake = create(&Environment::OnWake);
  turn_ = create(&Environment::OnTurn);
  mailbox_->Open(wake);
  // Hooks run last in, first out: ours must come before the one of the
  // thread-safe function, which frees it.
  Check(env, napi_add_env_cleanup_hook(env, &Environment::CleanUp, this));
  next_ = std::exchange(first_environment, this);
}

void Environment::KeepAlive(const Napi::Value& value) {
  const Napi::Env env(env_);
  Define(env, anchor_.Value(), Napi::Number::New(env, held_++).ToString(), value);
}

Napi::FunctionReference Environment::Hold(const Napi::Function& function) {
  KeepAlive(function);
  return Napi::Weak(function);
}

Environment::~Environment() {
  // Instance data is deleted after the cleanup hooks ran; references are
  // dropped with the environment.
  anchor_.SuppressDestruct();
  make_error_.SuppressDestruct();
  dispatch_.SuppressDestruct();
  dispatch_succeeded_.SuppressDestruct();
  succeeded_.SuppressDestruct();
  session_class.SuppressDestruct();
  binding_class.SuppressDestruct();
  histogram_class.SuppressDestruct();
  array_buffer_class.SuppressDestruct();
}

Executor& Environment::executor() const { return Executor::Process(threads_); }

Executor& Environment::background() const {
  // Fewer than there are processors: runs go on beside them.
  constexpr size_t kMost = 8;
  return Executor::Background(std::clamp<size_t>(threads_ - 1, 1, kMost));
}

std::unique_ptr<Job> Environment::Active::TakeBack(JobId id) const {
  std::unique_ptr<Task> task = batches != nullptr ? batches->Remove(id) : queue->Remove(id);
  // Every task under an id is a job.
  return std::unique_ptr<Job>(static_cast<Job*>(task.release()));
}

Status Environment::Register(Active active, JobId id) {
  if (id >= active_.size()) {
    if (id > active_.size() + kIdSlack) {
      return {ErrorCode::kInvalidArgument, "id: too large: " + std::to_string(id)};
    }
    active_.resize(std::max<size_t>(size_t{id} + 1, 2 * active_.size()));
  }
  if (active_[id].job != nullptr) {
    return {ErrorCode::kInvalidArgument, "id: in use: " + std::to_string(id)};
  }
  Belong(*active.job);
  active.job->posting.id = id;
  active.job->posting.abandoned = false;
  active_[id] = active;
  posted_.Add(*active.job);
  if (active_count_++ == 0) napi_reference_ref(env_, anchor_, nullptr);
  if (awaited_count_++ == 0) napi_ref_threadsafe_function(env_, mailbox_->wake());
  return Status::Ok();
}

void Environment::Belong(Job& job) {
  job.posting.mailbox = mailbox_;
  job.posting.in_place = job.UsesCallersMemory();
}

void Environment::NobodyAwaits() {
  if (--awaited_count_ > 0 || state_->closing) return;
  napi_unref_threadsafe_function(env_, mailbox_->wake());
}

void Environment::Free(JobId id) {
  active_[id] = {};
  if (--active_count_ > 0 || state_->closing) return;
  napi_reference_unref(env_, anchor_, nullptr);
}

void Environment::Forget(const Job& job) {
  Free(job.posting.id);
  if (!job.posting.abandoned) NobodyAwaits();
}

template <typename PostTo>
Status Environment::PostRegistered(Active active, JobId id, const PostTo& post_to) {
  const Mailbox::Count before = posted_;
  // Registered first: the job may have ended before post_to returns.
  ONLITE_RETURN_IF_ERROR(Register(active, id));
  // Whatever goes wrong nothing was posted, and the job is gone.
  Status status;
  try {
    status = post_to();
  } catch (const std::bad_alloc&) {
    status = OutOfMemory();
  }
  if (status.ok()) return status;
  posted_ = before;
  Free(id);
  NobodyAwaits();
  return status;
}

Status Environment::Post(TaskQueue& queue, JobId id, std::unique_ptr<Job> job) {
  return PostRegistered({job.get(), &queue, nullptr}, id,
                        [&] { return queue.Post(id, std::move(job)); });
}

Status Environment::PostToBatch(BatchQueue& batches, JobId id, std::unique_ptr<Job> job,
                                BatchMember* member) {
  return PostRegistered({job.get(), nullptr, &batches}, id,
                        [&] { return batches.Post(id, std::move(job), member); });
}

Status Environment::PostExclusive(TaskQueue& queue, JobId id, std::unique_ptr<Job> job) {
  return PostRegistered({job.get(), &queue, nullptr}, id,
                        [&] { return queue.PostExclusive(id, std::move(job)); });
}

void Environment::PostDetached(TaskQueue& queue, std::unique_ptr<Job> job) noexcept {
  Belong(*job);
  job->posting.detached = true;
  const Mailbox::Count before = posted_;
  posted_.Add(*job);
  try {
    if (queue.PostExclusive(kDetachedTag, std::move(job)).ok()) return;
  } catch (const std::bad_alloc&) {
    // There was no memory to say that there is no thread.
  }
  posted_ = before;
}

bool Environment::HasAwaited(const TaskQueue& queue, const BatchQueue* batches,
                             JobId except) const {
  return std::any_of(active_.begin(), active_.end(), [&](const Active& active) {
    return active.job != nullptr && !active.job->posting.abandoned &&
           active.job->posting.id != except &&
           (active.queue == &queue || (batches != nullptr && active.batches == batches));
  });
}

void Environment::Disown(JobId id) {
  if (id >= active_.size() || active_[id].job == nullptr) return;
  Job::Posting& posting = active_[id].job->posting;
  if (std::exchange(posting.abandoned, true)) return;
  NobodyAwaits();
}

bool Environment::Cancel(JobId id, ErrorCode code) {
  if (id >= active_.size() || active_[id].job == nullptr) return false;
  Job& abandoned = *active_[id].job;
  if (!abandoned.posting.abandoned) Fail(abandoned, code);
  std::unique_ptr<Job> removed = active_[id].TakeBack(id);
  if (removed) {
    posted_.Remove(*removed);
    Forget(*removed);
    removed->posting.abandoned = true;
    removed->Settled(env_);
    Job& job = *removed;
    job.Retire(std::move(removed));
    return true;
  }
  // However long it takes to stop, the process need not live for that.
  Disown(id);
  abandoned.cancel.Cancel();
  return false;
}

// Node calls a thread-safe function up to 1000 times without a turn of the event
// loop as long as it is called anew meanwhile, which small runs in a closed loop see to. How much
// time has passed says nothing: what JavaScript does with the results may take any. So we send
// ourselves a message, and an answer to that: OnWake comes before OnTurn in each turn of the event
// loop, and OnWake's next call, after it, in the next turn.
bool Environment::AwaitsTurn(int64_t now) const {
  return turn_is_asked_ && now - asked_ns_ > kBurstNs / 2;
}

void Environment::AskForTurn(int64_t now) {
  if (turn_is_asked_ || now - turned_ns_ < kBurstNs / 2) return;
  asked_ns_ = now;
  turn_is_asked_ = napi_call_threadsafe_function(turn_, nullptr, napi_tsfn_nonblocking) == napi_ok;
}

void Environment::OnTurn(napi_env env, napi_value /*callback*/, void* context, void* /*data*/) {
  auto* environment = static_cast<Environment*>(context);
  if (env == nullptr || environment->state_->closing) return;
  environment->turn_is_near_ = true;
  napi_call_threadsafe_function(environment->mailbox_->wake(), nullptr, napi_tsfn_nonblocking);
}

void Environment::CancelAll() {
  for (const auto* environment = first_environment; environment != nullptr;
       environment = environment->next_) {
    for (const Active& active : environment->active_) {
      if (active.job != nullptr) active.job->cancel.Cancel();
    }
  }
}

void Environment::OnWake(napi_env env, napi_value /*callback*/, void* context, void* /*data*/) {
  auto* environment = static_cast<Environment*>(context);
  // Node calls with a null env while it tears the function down.
  if (env == nullptr || environment->state_->closing) return;
  try {
    const int64_t now = MonotonicNow();
    if (environment->turn_is_near_) {
      environment->turn_is_near_ = false;
      environment->turn_is_asked_ = false;
      environment->turned_ns_ = now;
    }
    // Else the mailbox is not emptied, so that nobody wakes us before the turn.
    if (!environment->AwaitsTurn(now)) environment->Dispatch(Napi::Env(env));
  } catch (const Napi::Error& error) {
    // A worker that is being terminated cannot run JavaScript any more; its
    // cleanup hook sees to the rest. Anything else is an uncaught exception.
    napi_fatal_exception(env, error.Value());
  } catch (const std::exception& error) {
    napi_throw_error(env, ErrorCodeName(ErrorCode::kOutOfMemory), error.what());
  }
}

void Environment::Dispatch(Napi::Env env) {
  // Taken out, because what JavaScript does meanwhile must not meet it.
  TaskList finished;
  mailbox_->Take(&finished);
  if (finished.empty()) return;
  const Napi::HandleScope scope(env);
  [[maybe_unused]] const Napi::Object held = anchor_.Value();  // Forget lets it go
  // All of them before anything can throw, as it does in a worker that is being
  // terminated: Close must not find a job that went away with `finished`.
  for (const Task* task = finished.front(); task != nullptr; task = TaskList::Next(task)) {
    Forget(static_cast<const Job&>(*task));
  }
  DispatchAll(env, finished);
  AskForTurn(MonotonicNow());
}

void Environment::DispatchAll(Napi::Env env, TaskList& finished) {
  Completions completions(env, *this);
  while (!finished.empty()) {
    // Every task of a mailbox is a job.
    std::unique_ptr<Job> job(static_cast<Job*>(finished.TakeFirst().release()));
    Napi::Value error;
    Napi::Value result;
    const Status& status = job->posting.status;
    try {
      if (job->posting.abandoned) {
        // JavaScript has its error.
      } else if (status.ok()) {
        result = job->Result(env);
      } else {
        Fail(*job, status.code());
        error = ToJsError(env, status);
      }
    } catch (const StatusError& thrown) {
      // What one job throws is its own error; the others still hear of theirs.
      error = thrown.Value();
      Fail(*job, thrown.code());
    } catch (const Napi::Error& thrown) {
      error = thrown.Value();
      Fail(*job, ErrorCode::kRunFailed);
    } catch (const std::bad_alloc&) {
      error = ToJsError(env, OutOfMemory());
      Fail(*job, ErrorCode::kOutOfMemory);
    } catch (const std::exception&) {
      error = ToJsError(env, Status::Wordless(ErrorCode::kRunFailed));
      Fail(*job, ErrorCode::kRunFailed);
    }
    job->Settled(env);
    const JobId id = job->posting.id;
    Job& retiring = *job;
    retiring.Retire(std::move(job));
    completions.Add(id, error, result);
  }
  completions.Flush();
}

void Environment::CleanUp(void* environment) { static_cast<Environment*>(environment)->Close(); }

void Environment::Close() {
  state_->closing = true;
  Environment** link = &first_environment;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
  napi_threadsafe_function wake = mailbox_->Close();
  for (JobId id = 0; id < active_.size(); ++id) {
    if (active_[id].job == nullptr) continue;
    if (const std::unique_ptr<Job> removed = active_[id].TakeBack(id)) {
      posted_.Remove(*removed);
    } else {
      active_[id].job->cancel.Cancel();
    }
  }
  active_.clear();
  constexpr std::chrono::milliseconds kPatience{2000};
  // At the end of the process all the patience there is was spent before.
  const bool process_ends = ExitGate::Process().expired();
  if (!mailbox_->WaitFor(posted_, process_ends ? std::chrono::milliseconds(0) : kPatience) &&
      !process_ends) {
    // The process may end before what was left behind does.
    GuardExit();
  }
  pinned.UnpinAll();
  napi_release_threadsafe_function(wake, napi_tsfn_abort);
  napi_release_threadsafe_function(turn_, napi_tsfn_abort);
}

}  // namespace onlite
