#include <algorithm>
#include <array>
#include <exception>
#include <new>
#include <utility>

#include "core/clock.h"
#include "napi/convert/errors.h"
#include "napi/environment/environment.h"

/// How the ends of jobs reach JavaScript: the methods of Environment that are called when its
/// mailbox wakes it.
namespace onlite {

/// Completions handed over at once. As arguments, because filling an array could
/// run a setter that somebody put on Array.prototype.
constexpr size_t kCompletionsPerCall = 64;
constexpr size_t kSucceededPerCall = 64;

/// Completions may follow each other for so long before the event loop gets a turn,
/// half of it before we ask to be told of one.
constexpr int64_t kBurstNs = 1'000'000;

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
  EndWaiting();
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
        job->Fail(status.code());
        error = ToJsError(env, status);
      }
    } catch (const StatusError& thrown) {
      // What one job throws is its own error; the others still hear of theirs.
      error = thrown.Value();
      job->Fail(thrown.code());
    } catch (const Napi::Error& thrown) {
      error = thrown.Value();
      job->Fail(ErrorCode::kRunFailed);
    } catch (const std::bad_alloc&) {
      error = ToJsError(env, OutOfMemory());
      job->Fail(ErrorCode::kOutOfMemory);
    } catch (const std::exception&) {
      error = ToJsError(env, Status::Wordless(ErrorCode::kRunFailed));
      job->Fail(ErrorCode::kRunFailed);
    }
    job->Settled(env);
    const JobId id = job->posting.id;
    Job& retiring = *job;
    retiring.Retire(std::move(job));
    completions.Add(id, error, result);
  }
  completions.Flush();
}

}  // namespace onlite
