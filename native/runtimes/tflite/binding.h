#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "runtimes/runtime.h"
#include "runtimes/tflite/interpreter_pool.h"
#include "runtimes/tflite/model.h"
#include "runtimes/tflite/shape_checker.h"

namespace onlite::tflite {

/// Memory bound to an entry point. A run borrows an idle interpreter of the
/// session's and has its tensors lie in the bound memory; what cannot (memory
/// that is not aligned to 64 bytes, signatures, tensors without a fixed place,
/// models with variables) is copied.
class TfLiteBinding final : public Binding {
 public:
  /// Everything passed belongs to the session, which outlives the binding.
  TfLiteBinding(const Model& model, size_t entry, ShapeChecker* shapes,
                InterpreterPool* interpreters);

  Status BindInput(size_t index, const TensorView& tensor) override;
  Status BindOutput(size_t index, const TensorView& memory) override;
  Status BindDynamicOutput(size_t index) override;
  Status Run(CancelToken* cancel, RunTimes* times) override;
  Status TakeOutput(size_t index, Value* value) override;

 private:
  struct Input {
    TensorView tensor;
    bool bound = false;
  };
  struct Output {
    TensorView memory;
    bool bound = false;
    bool dynamic = false;
    /// The runtime writes to `memory` itself in the current run.
    bool placed = false;
    Value value;  // the last run's, if dynamic
  };

  const SignatureInfo& signature() const { return model_.info().signatures[entry_]; }
  Status CheckShapes();
  Status PlaceInputs(Interpreter* interpreter);
  Status PlaceOutputs(Interpreter* interpreter);
  Status Fetch(Interpreter* interpreter);

  const Model& model_;
  const size_t entry_;
  ShapeChecker* const shapes_;
  InterpreterPool* const interpreters_;
  const bool may_place_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  /// The inputs' dims, checked; empty after a change.
  std::vector<Dims> dims_;
  bool checked_ = false;
};

}  // namespace onlite::tflite
