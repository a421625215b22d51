#include "runtimes/tflite/run/invocation.h"

#include <string>
#include <utility>

#include "core/heap.h"

namespace onlite::tflite {
namespace {

Status Cancelled() { return {ErrorCode::kCancelled, "the run was cancelled"}; }

}  // namespace

Status Lease::AcquireFor(size_t entry, Feeds feeds, ShapeChecker* checker,
                         std::shared_ptr<const EmptyOutputs>* empty) {
  ONLITE_RETURN_IF_ERROR(Acquire());
  if (interpreter_->HasShapes(entry, feeds)) return Status::Ok();
  ONLITE_RETURN_IF_ERROR(checker->Check(entry, feeds, empty));
  if (*empty != nullptr) return Status::Ok();
  InterpreterPool* const pool = pool_->PoolFor(entry, feeds);
  if (pool != pool_) ONLITE_RETURN_IF_ERROR(MoveTo(pool));
  Status set = SetShapes(entry, feeds);
  if (set.code() == ErrorCode::kProviderUnavailable && pool_->FallBack(entry, feeds)) {
    ONLITE_RETURN_IF_ERROR(MoveTo(pool_->PoolFor(entry, feeds)));
    set = SetShapes(entry, feeds);
  }
  return set;
}

Status Lease::MoveTo(InterpreterPool* pool) {
  GiveBack();
  pool_ = pool;
  return Acquire();
}

Status Lease::SetShapes(size_t entry, Feeds feeds) {
  if (interpreter_->HasShapes(entry, feeds)) return Status::Ok();
  // Another idle one may have placed tensors too; a new one has none.
  while (!interpreter_->placement().empty()) {
    pool_->Retire(std::move(interpreter_));
    ONLITE_RETURN_IF_ERROR(Acquire());
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.Move): it has just been acquired.
    if (interpreter_->HasShapes(entry, feeds)) return Status::Ok();
  }
  Status set = interpreter_->SetShapes(entry, feeds);
  if (set.ok() && interpreter_->delegated()) pool_->DelegateServed();
  return set;
}

// The runtime forgets a cancellation that comes before the invocation, so the
// token is asked afterwards as well: a cancelled run never counts as done.
Status Invoke(Interpreter* interpreter, size_t entry, CancelToken* cancel) {
  ArmedToken armed(cancel, [interpreter] { interpreter->Cancel(); });
  if (!armed.MayStart()) return Cancelled();
  const bool is_first = interpreter->CountRun();
  const ApiStatus status = interpreter->runner(entry).Invoke();
  const bool cancelled = armed.End();
  // What the trial interpreter and the packing of weights have freed. Not when the
  // session is created: one that is never run would pay for it.
  if (is_first) TrimHeap();
  if (status == ApiStatus::kCancelled || cancelled) return Cancelled();
  if (status == ApiStatus::kOk) return Status::Ok();
  return {ErrorCode::kRunFailed, "TensorFlow Lite could not run the model",
          interpreter->TakeErrors()};
}

}  // namespace onlite::tflite
