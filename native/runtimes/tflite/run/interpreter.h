#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/tflite/error_log.h"
#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/model/model.h"
#include "runtimes/tflite/run/entry_runner.h"
#include "runtimes/tflite/run/placement.h"
#include "runtimes/tflite/run/tensor_observer.h"
#include "runtimes/tflite/run/tensors.h"
#include "runtimes/tflite/xnnpack/stand_ins.h"

namespace onlite::tflite {

struct InterpreterSettings {
  int threads = 1;
  bool xnnpack = false;
  /// Packed weights to share, or null (xnnpack/weights.h).
  TfLiteXNNPackDelegateWeightsCache* weights = nullptr;
  /// Where the interpreter tells of its operators, or null; outlives it.
  TfLiteTelemetryProfilerStruct* profiler = nullptr;
  /// Of a trial interpreter, or null: for operators that only a delegate has, and
  /// to see all tensors. Outlive it.
  const StandIns* stand_ins = nullptr;
  const TensorObserver* observer = nullptr;
};

/// An interpreter with its delegate. One thread at a time uses it; Cancel may be
/// called from any. Members are destroyed from the last to the first: signature
/// runners, interpreter, delegate, and then the log that they report to. The
/// weights cache and the model outlive it.
class Interpreter {
 public:
  /// The cause has the runtime's own words. kProviderUnavailable if the delegate
  /// cannot take the model, kModelInvalid if nothing can.
  static Status Create(const Model& model, const InterpreterSettings& settings,
                       std::unique_ptr<Interpreter>* interpreter);

  /// The entry point's tensors are allocated for feeds of these shapes.
  bool HasShapes(size_t entry, Feeds feeds) const;

  /// Makes it so. Not while tensors are placed: the runtime does not see to it
  /// that a placed tensor grows. After an error the interpreter is not usable.
  /// kProviderUnavailable if there is a delegate, which may take a model and then
  /// refuse its tensors; kShapeMismatch if there is none.
  Status SetShapes(size_t entry, Feeds feeds);

  /// The entry point's tensors and its invocation, after SetShapes.
  const EntryRunner& runner(size_t entry) const { return *runners_[entry]; }

  /// Where the primary entry point's tensors lie.
  Placement& placement() { return *placement_; }

  /// Tensors may be placed: the library can, no other subgraph is handed them,
  /// no variable ties the session to this interpreter, and the runtime knows
  /// every shape before it invokes.
  bool may_place() const { return may_place_; }

  /// No tensor of the primary entry point lies in a caller's memory any more; no
  /// output does, unless it is an input too.
  Status WithdrawAll();
  Status WithdrawOutputs();

  /// Whether the tensor is an input of the primary entry point, after SetShapes.
  bool IsPrimaryInput(int tensor_index) const;

  /// Runs since the shapes were set.
  uint64_t steady_runs() const { return steady_runs_; }
  /// True for the first run of all.
  bool CountRun() {
    ++steady_runs_;
    return !std::exchange(has_run_, true);
  }

  /// A tensor of the primary subgraph, or null if the library cannot tell.
  const TfLiteTensor* PrimaryTensor(int index) const;

  /// Makes an invocation in flight end with kCancelled between two nodes; one
  /// that begins later is not touched. No effect where the library cannot.
  void Cancel() const;

  /// What the runtime reported since the last call.
  std::string TakeErrors() { return log_.Take(); }

  bool usable() const { return usable_; }
  /// It has a delegate.
  bool delegated() const { return delegate_ != nullptr; }
  const Api& api() const { return api_; }

 private:
  explicit Interpreter(const Model& model);
  bool CanPlace() const;
  Status Fail(ErrorCode code, std::string message);
  Status RefuseShapes(std::string message);

  const Model& model_;
  const Api& api_;
  ErrorLog log_;
  XnnpackDelegateHandle delegate_;
  InterpreterHandle handle_;
  std::unique_ptr<Placement> placement_;
  /// By entry point, made when first used.
  std::vector<std::unique_ptr<EntryRunner>> runners_;
  /// Subgraphs whose tensors are allocated; a signature may share the primary's.
  std::set<uint32_t> allocated_;
  bool may_place_ = false;
  uint64_t steady_runs_ = 0;
  bool has_run_ = false;
  bool usable_ = true;
};

}  // namespace onlite::tflite
