#pragma once

#include <memory>
#include <vector>

#include "runtimes/ort/empty_tensors.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/providers.h"
#include "runtimes/session.h"

namespace onlite::ort {

/// What a binding uses of its session, which outlives it.
struct BoundSession {
  const OrtEnv* env;
  OrtSession* session;
  const SignatureInfo& signature;
  const std::vector<bool>& passed_through;
  const EmptyTensorGuard& guard;
  OrtMemoryInfo* cpu;
  ProviderTraits traits;
};

/// ONNX Runtime's IoBinding over memory of the caller's.
class OrtBinding final : public Binding {
 public:
  static Status Create(const BoundSession& session, std::unique_ptr<Binding>* binding);
  ~OrtBinding() override;

  Status BindInput(size_t index, const TensorView& tensor) override;
  Status BindOutput(size_t index, const TensorView& memory) override;
  Status BindFlexibleOutput(size_t index, const TensorView& memory) override;
  Status BindDynamicOutput(size_t index) override;
  /// Not where the graph gives an input back: that is the input's memory.
  bool OwnsOutput(size_t index) const override { return !session_.passed_through[index]; }
  Status Run(CancelToken* cancel, RunTimes* times) override;
  Status TakeOutput(size_t index, Value* value) override;
  Status BindDeviceOutput(size_t index) override;
  Status FeedBack(size_t output, size_t input) override;
  Status CopyToHost(Place place, CancelToken* cancel, Value* value) override;

 private:
  explicit OrtBinding(const BoundSession& session);

  /// What is bound to an output.
  struct Output {
    ValueHandle value;  // over the memory; null if there is none
    TensorView memory;
    bool dynamic = false;
    bool flexible = false;
    /// Where a dynamic output is left, the session's; null for the processor's memory.
    const OrtMemoryInfo* device = nullptr;
  };

  Status CheckComplete() const;
  Status BindValue(size_t index, const OrtValue* value);
  /// Whether the tensor may be bound to the input beside those that are empty too.
  Status CheckEmpty(size_t index, const TensorView& tensor);
  Status RunBound(CancelToken* cancel, RunTimes* times);
  Status RunOnce(CancelToken* cancel, RunTimes* times);
  Status Invoke();
  Status InvokeOnDevice();
  Status FeedDevice();
  /// The same with the output and the way out in the message.
  Status OtherShape(const Status& status) const;
  /// Has ONNX Runtime allocate the flexible outputs, at each run from now on.
  Status Loosen();
  /// Takes that back.
  Status Tighten();
  Status BindToDevice(size_t index);
  /// What the last run left in a device output.
  Status LeftValue(size_t output, ValueHandle* value);
  /// Keeps what is on the device, and bound no more, until the device may free it.
  void Discard(ValueHandle value);
  Status DiscardOutput(size_t index);
  /// The values that the last run left, by output; null where none is bound.
  Status BoundValues(std::vector<ValueHandle>* values);
  Status FindPlaces(OrtAllocator* allocator);
  /// Whether a run has left every result in the memory that was bound for it.
  Status CheckPlaces(bool* in_place);
  /// Makes ONNX Runtime forget what the last run left in the dynamic outputs: it
  /// would write the next run's into the same memory, which may have been taken,
  /// and refuse another shape.
  Status RenewDynamicOutputs();

  const BoundSession session_;
  /// The empty ones among the bound inputs, kept only where the guard watches.
  std::vector<EmptyFeed> empty_feeds_;
  /// Made with the first cancellable run, reused until one is cancelled.
  RunOptionsHandle run_options_;
  std::vector<ValueHandle> inputs_;
  /// Those that lie on a device, where an earlier run left them.
  std::vector<bool> fed_back_;
  /// Freed in the next turn at the device.
  std::vector<ValueHandle> discarded_;
  std::vector<Output> outputs_;
  bool complete_ = false;
  /// A run of what is bound now has left its results where they belong.
  bool in_place_ = false;
  /// ONNX Runtime allocates the flexible outputs too.
  bool loose_ = false;
  /// By the order in which outputs were bound first, which ONNX Runtime gives them in:
  /// their indexes. Outputs that are bound again keep their places.
  std::vector<size_t> places_;
  /// What the last run left, once it was asked for; null where it was taken.
  std::vector<ValueHandle> left_;
  /// A run has left values in the dynamic outputs.
  bool has_outputs_ = false;
  bool succeeded_ = false;
  // Destroyed first: it refers to the values.
  IoBindingHandle binding_;
};

}  // namespace onlite::ort
