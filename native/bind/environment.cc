#include "bind/environment.h"

#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <string>
#include <utility>

#include "bind/errors.h"
#include "core/clock.h"
#include "core/exit_gate.h"
#include "runtimes/runtime.h"

namespace onlite {

/// Completions handed over at once. As arguments, because filling an array could
/// run a setter that somebody put on Array.prototype.
constexpr size_t kCompletionsPerCall = 256;
constexpr size_t kSucceededPerCall = 64;

/// About what it costs the JS thread to go to sleep and be woken.
constexpr std::chrono::microseconds kPoll{10};

/// Ids are handed out densely, so one far beyond the others is none of ours.
constexpr size_t kIdSlack = 1024;

/// Nobody removes a detached job, so they share a tag; it is no id and no batch's.
constexpr uint64_t kDetachedTag = UINT64_MAX;

/// Completions may follow each other for so long before the event loop gets a turn,
/// half of it before we ask to be told of one.
constexpr int64_t kBurstNs = 1'000'000;

/// Collects what JavaScript is to be told, and tells it.
class Environment::Completions {
 public:
  Completions(Napi::Env env, Environment& environment) : env_(env), environment_(environment) {}

  /// Empty values are undefined.
  void Add(JobId id, const Napi::Value& error, const Napi::Value& result) {
    if (error.IsEmpty() && result.IsEmpty()) {
      if (!others_.empty() || succeeded_count_ == succeeded_.size()) Flush();
      succeeded_[succeeded_count_++] = id;
      return;
    }
    if (succeeded_count_ > 0 || others_.size() == 3 * kCompletionsPerCall) Flush();
    const napi_value undefined = env_.Undefined();
    others_.insert(others_.end(), {Napi::Number::New(env_, id), error.IsEmpty() ? undefined : error,
                                   result.IsEmpty() ? undefined : result});
  }

  void Flush() {
    FlushSucceeded();
    if (others_.empty()) return;
    const std::vector<napi_value> others = std::exchange(others_, {});
    environment_.dispatch_.Value().Call(others);
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
  std::vector<napi_value> others_;
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

Napi::Value PrepareExit(const Napi::CallbackInfo& info) {
  ExitGate::Process().Close([] { Environment::CancelAll(); });
  return info.Env().Undefined();
}

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
  // One place less than there are threads: a model that loads must not hold up every run.
  maintenance_queue_ =
      executor().CreateQueue(std::max<size_t>(1, executor().thread_count() - 1), SIZE_MAX / 2);
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
  rows_class.SuppressDestruct();
  histogram_class.SuppressDestruct();
  array_buffer_class.SuppressDestruct();
}

Executor& Environment::executor() const { return Executor::Process(threads_); }

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
  active.job->posting.mailbox = mailbox_;
  active.job->posting.id = id;
  active.job->posting.abandoned = false;
  active_[id] = active;
  ++posted_;
  if (active_count_++ == 0) {
    napi_ref_threadsafe_function(env_, mailbox_->wake());
    napi_reference_ref(env_, anchor_, nullptr);
  }
  return Status::Ok();
}

void Environment::Forget(JobId id) {
  active_[id] = {};
  if (--active_count_ > 0 || state_->closing) return;
  napi_unref_threadsafe_function(env_, mailbox_->wake());
  napi_reference_unref(env_, anchor_, nullptr);
}

Status Environment::Post(TaskQueue& queue, JobId id, std::unique_ptr<Job> job) {
  // Registered first: the job may have ended before TaskQueue::Post returns.
  ONLITE_RETURN_IF_ERROR(Register({job.get(), &queue, nullptr}, id));
  Status status = queue.Post(id, std::move(job));
  if (!status.ok()) Withdraw(id);
  return status;
}

Status Environment::PostToBatch(BatchQueue& batches, JobId id, std::unique_ptr<Job> job,
                                BatchMember* member) {
  ONLITE_RETURN_IF_ERROR(Register({job.get(), nullptr, &batches}, id));
  Status status = batches.Post(id, std::move(job), member);
  if (!status.ok()) Withdraw(id);
  return status;
}

Status Environment::PostExclusive(TaskQueue& queue, JobId id, std::unique_ptr<Job> job) {
  ONLITE_RETURN_IF_ERROR(Register({job.get(), &queue, nullptr}, id));
  queue.PostExclusive(id, std::move(job));
  return Status::Ok();
}

void Environment::PostDetached(TaskQueue& queue, std::unique_ptr<Job> job) {
  job->posting.mailbox = mailbox_;
  job->posting.detached = true;
  ++posted_;
  queue.PostExclusive(kDetachedTag, std::move(job));
}

void Environment::Withdraw(JobId id) {
  --posted_;
  Forget(id);
}

bool Environment::Cancel(JobId id, ErrorCode code) {
  if (id >= active_.size() || active_[id].job == nullptr) return false;
  Job& abandoned = *active_[id].job;
  if (!abandoned.posting.abandoned) abandoned.Failed(code);
  abandoned.posting.abandoned = true;
  std::unique_ptr<Job> removed = active_[id].TakeBack(id);
  if (removed) {
    Withdraw(id);
    removed->Settled(env_);
    Job& job = *removed;
    job.Retire(std::move(removed));
    return true;
  }
  abandoned.cancel.Cancel();
  return false;
}

// Node calls a thread-safe function up to 1000 times without a turn of the event
// loop as long as it is called anew meanwhile, and polling never lets it turn, which
// small runs in a closed loop see to. How much time has passed says nothing: what
// JavaScript does with the results may take any. So we send ourselves a message, and
// an answer to that: OnWake comes before OnTurn in each turn of the event loop,
// and OnWake's next call, after it, in the next turn.
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

Environment::PollResult Environment::Poll(Napi::Env env) {
  if (state_->closing || active_count_ == 0 || AwaitsTurn(MonotonicNow())) {
    return PollResult::kNotNow;
  }
  if (!mailbox_->AwaitFinished(kPoll)) return PollResult::kNothing;
  Dispatch(env);
  return PollResult::kDispatched;
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
  }
}

void Environment::Dispatch(Napi::Env env) {
  // Taken out, because what JavaScript does meanwhile must not meet it.
  Mailbox::Jobs finished = std::exchange(dispatching_, {});
  mailbox_->Take(&finished);
  if (finished.empty()) return;
  const Napi::HandleScope scope(env);
  [[maybe_unused]] const Napi::Object held = anchor_.Value();  // Forget lets it go
  // All of them before anything can throw, as it does in a worker that is being
  // terminated: Close must not find a job that went away with `finished`.
  for (const std::unique_ptr<Job>& job : finished) Forget(job->posting.id);
  DispatchAll(env, finished);
  finished.clear();
  dispatching_ = std::move(finished);
  AskForTurn(MonotonicNow());
}

void Environment::DispatchAll(Napi::Env env, Mailbox::Jobs& finished) {
  Completions completions(env, *this);
  for (std::unique_ptr<Job>& job : finished) {
    Napi::Value error;
    Napi::Value result;
    const Status& status = job->posting.status;
    try {
      if (job->posting.abandoned) {
        // JavaScript has its error.
      } else if (status.ok()) {
        result = job->Result(env);
      } else {
        job->Failed(status.code());
        error = ToJsError(env, status);
      }
    } catch (const StatusError& thrown) {
      // What one job throws is its own error; the others still hear of theirs.
      error = thrown.Value();
      job->Failed(thrown.code());
    } catch (const Napi::Error& thrown) {
      error = thrown.Value();
      job->Failed(ErrorCode::kRunFailed);
    } catch (const std::bad_alloc& thrown) {
      error =
          ToJsError(env, {ErrorCode::kOutOfMemory, "out of memory for a result", thrown.what()});
      job->Failed(ErrorCode::kOutOfMemory);
    } catch (const std::exception& thrown) {
      error =
          ToJsError(env, {ErrorCode::kRunFailed, "the result could not be made", thrown.what()});
      job->Failed(ErrorCode::kRunFailed);
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
    if (active_[id].TakeBack(id)) {
      --posted_;
    } else {
      active_[id].job->cancel.Cancel();
    }
  }
  active_.clear();
  mailbox_->WaitForAll(posted_);
  napi_release_threadsafe_function(wake, napi_tsfn_abort);
  napi_release_threadsafe_function(turn_, napi_tsfn_abort);
}

}  // namespace onlite
