#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "runtimes/session.h"
#include "runtimes/tflite/model/model.h"
#include "runtimes/tflite/run/interpreter_pool.h"
#include "runtimes/tflite/run/shape_checker.h"

namespace onlite::tflite {

/// Memory bound to an entry point. A run borrows an idle interpreter of the
/// session's and has its tensors lie in the bound memory; what cannot (memory
/// that is not aligned to 64 bytes or ends with a page behind which nothing is known to be, an
/// output that overlaps another tensor's memory, signatures, interpreters that may not place) is
/// copied.
class TfLiteBinding final : public Binding {
 public:
  /// Everything passed belongs to the session, which outlives the binding.
  TfLiteBinding(const Model& model, size_t entry, ShapeChecker* shapes,
                InterpreterPool* interpreters);

  Status BindInput(size_t index, const TensorView& tensor) override;
  Status BindOutput(size_t index, const TensorView& memory) override;
  Status BindFlexibleOutput(size_t index, const TensorView& memory) override;
  Status BindDynamicOutput(size_t index) override;
  Status Run(CancelToken* cancel, RunTimes* times) override;
  Status TakeOutput(size_t index, Value* value) override;

 private:
  struct Output {
    TensorView memory;
    bool bound = false;
    bool dynamic = false;
    bool flexible = false;
    /// Its memory is nobody else's in this binding, so it may be written while
    /// the model still reads its inputs.
    bool alone = false;
    Value value;  // the last run's, if dynamic, or flexible and strayed
  };

  const SignatureInfo& signature() const { return model_.info().signatures[entry_]; }
  /// To be called after any change of what is bound.
  void Changed() { arrangement_ = 0; }
  Status Prepare();
  /// Shapes and places as this binding needs them; nothing to do if they are.
  Status Arrange(Interpreter* interpreter);
  Status PlaceInputs(Interpreter* interpreter, bool may_place);
  Status PlaceOutputs(Interpreter* interpreter, bool may_place);
  Status Feed(Interpreter* interpreter);
  Status Fetch(Interpreter* interpreter);
  /// What comes out where nothing is to be run.
  Status DeliverEmpty(const EmptyOutputs& empty, const CancelToken* cancel, int64_t started,
                      RunTimes* times);

  const Model& model_;
  const size_t entry_;
  ShapeChecker* const shapes_;
  InterpreterPool* const interpreters_;
  std::vector<TensorView> inputs_;
  std::vector<Output> outputs_;
  /// By input; null until it is bound.
  std::vector<const TensorView*> feeds_;
  /// What an interpreter that is arranged for this binding as it is now is marked
  /// with; 0 after a change. No two bindings or states of one ever share it.
  uint64_t arrangement_ = 0;
};

}  // namespace onlite::tflite
