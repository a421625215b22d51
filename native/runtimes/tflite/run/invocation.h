#pragma once

#include <cstddef>
#include <memory>
#include <utility>

#include "core/cancel_token.h"
#include "core/status.h"
#include "runtimes/tflite/run/interpreter.h"
#include "runtimes/tflite/run/interpreter_pool.h"
#include "runtimes/tflite/run/shape_checker.h"

namespace onlite::tflite {

/// Lends an interpreter for one scope.
class Lease {
 public:
  explicit Lease(InterpreterPool* pool) : pool_(pool) {}
  ~Lease() { GiveBack(); }
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;

  /// kBusy if all are in use.
  Status Acquire() { return pool_->Acquire(&interpreter_); }

  /// The same, for an interpreter whose tensors have these shapes. Shapes that no
  /// interpreter of ours has had are checked first; if nothing is to be run with
  /// them, `empty` is what comes out, and the interpreter may have other shapes.
  /// Where the delegate refuses them and the session has a fallback, the interpreter
  /// is one without the delegate.
  Status AcquireFor(size_t entry, Feeds feeds, ShapeChecker* checker,
                    std::shared_ptr<const EmptyOutputs>* empty);

  /// What the destructor does.
  void GiveBack() {
    if (interpreter_ != nullptr) pool_->GiveBack(std::move(interpreter_));
  }

  Interpreter* get() const { return interpreter_.get(); }

 private:
  Status MoveTo(InterpreterPool* pool);
  Status SetShapes(size_t entry, Feeds feeds);

  InterpreterPool* pool_;
  std::unique_ptr<Interpreter> interpreter_;
};

/// Invokes the entry point; `cancel` may be null. kCancelled, or kRunFailed with
/// what the runtime reported.
Status Invoke(Interpreter* interpreter, size_t entry, CancelToken* cancel);

}  // namespace onlite::tflite
