#include "runtimes/tflite/invocation.h"

#include <string>
#include <utility>

#include "core/heap.h"

namespace onlite::tflite {
namespace {

Status Cancelled() { return {ErrorCode::kCancelled, "the run was cancelled"}; }

/// Lets a token cancel the interpreter for one scope.
class Armed {
 public:
  Armed(CancelToken* token, const Interpreter* interpreter)
      : token_(token),
        ready_(token == nullptr || token->Arm([interpreter] { interpreter->Cancel(); })) {}
  ~Armed() {
    if (token_ != nullptr) token_->Disarm();
  }
  Armed(const Armed&) = delete;
  Armed& operator=(const Armed&) = delete;

  /// False if the run was cancelled before it began.
  bool ready() const { return ready_; }

 private:
  CancelToken* token_;
  bool ready_;
};

}  // namespace

Status Lease::AcquireFor(size_t entry, Feeds feeds, ShapeChecker* checker,
                         std::shared_ptr<const EmptyOutputs>* empty) {
  ONLITE_RETURN_IF_ERROR(Acquire());
  if (interpreter_->HasShapes(entry, feeds)) return Status::Ok();
  ONLITE_RETURN_IF_ERROR(checker->Check(entry, feeds, empty));
  if (*empty != nullptr) return Status::Ok();
  // Another idle one may have placed tensors too; a new one has none.
  while (!interpreter_->placement().empty()) {
    pool_->Retire(std::move(interpreter_));
    ONLITE_RETURN_IF_ERROR(Acquire());
    if (interpreter_->HasShapes(entry, feeds)) return Status::Ok();
  }
  return interpreter_->SetShapes(entry, feeds);
}

// The runtime forgets a cancellation that comes before the invocation, so the
// token is asked afterwards as well: a cancelled run never counts as done.
Status Invoke(Interpreter* interpreter, size_t entry, CancelToken* cancel) {
  const Armed armed(cancel, interpreter);
  if (!armed.ready()) return Cancelled();
  const bool is_first = interpreter->CountRun();
  const ApiStatus status = interpreter->runner(entry).Invoke();
  // What the trial interpreter and the packing of weights have freed. Not when the
  // session is created: one that is never run would pay for it.
  if (is_first) TrimHeap();
  if (status == ApiStatus::kCancelled || (cancel != nullptr && cancel->cancelled())) {
    return Cancelled();
  }
  if (status == ApiStatus::kOk) return Status::Ok();
  return {ErrorCode::kRunFailed, "TensorFlow Lite could not run the model",
          interpreter->TakeErrors()};
}

}  // namespace onlite::tflite
