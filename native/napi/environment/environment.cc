#include "napi/environment/environment.h"

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <new>
#include <string>
#include <utility>

#include "core/exit_gate.h"
#include "core/quick_exit.h"
#include "napi/convert/errors.h"
#include "runtimes/default_threads.h"
#include "runtimes/runtime.h"

namespace onlite {

/// Ids are handed out densely, so one far beyond the others is none of ours.
constexpr size_t kIdSlack = 1024;

/// Nobody removes a detached job, so they share a tag; it is no job's and no batch's.
constexpr uint64_t kDetachedTag = UINT64_MAX;

namespace {

/// Numbers environments, from 1. Their tags stay below those of batches (core/batch_queue.cc).
uint64_t NextNumber() {
  static std::atomic<uint32_t> last{0};
  return ++last & (UINT32_MAX >> 1U);
}

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
      first_tag_(NextNumber() << 32U),
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

std::unique_ptr<Job> Environment::Active::TakeBack(uint64_t tag) const {
  if (batches == nullptr && queue == nullptr) return nullptr;
  std::unique_ptr<Task> task = batches != nullptr ? batches->Remove(tag) : queue->Remove(tag);
  // Every task under an environment's tag is a job.
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
                        [&] { return queue.Post(TagOf(id), std::move(job)); });
}

Status Environment::PostToBatch(BatchQueue& batches, JobId id, std::unique_ptr<Job> job,
                                BatchMember* member) {
  return PostRegistered({job.get(), nullptr, &batches}, id,
                        [&] { return batches.Post(TagOf(id), std::move(job), member); });
}

Status Environment::PostExclusive(TaskQueue& queue, JobId id, std::unique_ptr<Job> job) {
  return PostRegistered({job.get(), &queue, nullptr}, id,
                        [&] { return queue.PostExclusive(TagOf(id), std::move(job)); });
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

Status Environment::PostWaiting(JobId id, std::unique_ptr<WaitingJob> job) {
  return PostRegistered({job.get(), nullptr, nullptr}, id, [&] {
    waiting_.push_back(std::move(job));
    EndWaiting();
    return Status::Ok();
  });
}

void Environment::EndWaiting() {
  for (size_t index = 0; index < waiting_.size();) {
    if (!waiting_[index]->MayEnd()) {
      ++index;
      continue;
    }
    std::unique_ptr<Job> ended = std::move(waiting_[index]);
    waiting_.erase(waiting_.begin() + static_cast<ptrdiff_t>(index));
    mailbox_->Put(std::move(ended));
  }
}

void Environment::Disown(JobId id) {
  if (id >= active_.size() || active_[id].job == nullptr) return;
  Job::Posting& posting = active_[id].job->posting;
  if (std::exchange(posting.abandoned, true)) return;
  active_[id].job->Abandoned();
  NobodyAwaits();
}

bool Environment::Cancel(JobId id, ErrorCode code) {
  if (id >= active_.size() || active_[id].job == nullptr) return false;
  Job& abandoned = *active_[id].job;
  if (!abandoned.posting.abandoned) abandoned.Fail(code);
  std::unique_ptr<Job> removed = active_[id].TakeBack(TagOf(id));
  if (removed) {
    posted_.Remove(*removed);
    Forget(*removed);
    removed->posting.abandoned = true;
    removed->Settled(env_);
    Job& job = *removed;
    job.Retire(std::move(removed));
    EndWaiting();
    return true;
  }
  // However long it takes to stop, the process need not live for that.
  Disown(id);
  abandoned.cancel.Cancel();
  return false;
}

void Environment::CancelAll() {
  for (const auto* environment = first_environment; environment != nullptr;
       environment = environment->next_) {
    for (const Active& active : environment->active_) {
      if (active.job != nullptr) active.job->cancel.Cancel();
    }
  }
}

void Environment::CleanUp(void* environment) { static_cast<Environment*>(environment)->Close(); }

void Environment::Close() {
  state_->closing = true;
  Environment** link = &first_environment;
  while (*link != this) link = &(*link)->next_;
  *link = next_;
  napi_threadsafe_function wake = mailbox_->Close();
  for (const auto& job : waiting_) {
    posted_.Remove(*job);
    active_[job->posting.id] = {};
  }
  waiting_.clear();
  for (JobId id = 0; id < active_.size(); ++id) {
    if (active_[id].job == nullptr) continue;
    if (const std::unique_ptr<Job> removed = active_[id].TakeBack(TagOf(id))) {
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
