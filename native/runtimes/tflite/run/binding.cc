#include "runtimes/tflite/run/binding.h"

#include <atomic>
#include <utility>

#include "core/clock.h"
#include "runtimes/tflite/run/invocation.h"
#include "runtimes/tflite/run/request.h"
#include "runtimes/tflite/run/tensors.h"

namespace onlite::tflite {
TfLiteBinding::TfLiteBinding(const Model& model, size_t entry, ShapeChecker* shapes,
                             InterpreterPool* interpreters)
    : model_(model),
      entry_(entry),
      shapes_(shapes),
      interpreters_(interpreters),
      inputs_(model.info().signatures[entry].inputs.size()),
      outputs_(model.info().signatures[entry].outputs.size()),
      feeds_(inputs_.size()) {}

Status TfLiteBinding::BindInput(size_t index, const TensorView& tensor) {
  ONLITE_RETURN_IF_ERROR(CheckInput(model_.info(), entry_, index, tensor));
  inputs_[index] = tensor;
  feeds_[index] = &inputs_[index];
  Changed();
  return Status::Ok();
}

Status TfLiteBinding::BindOutput(size_t index, const TensorView& memory) {
  if (index >= outputs_.size()) {
    return {ErrorCode::kInvalidArgument,
            "outputs: there is none with index " + std::to_string(index)};
  }
  const ValueInfo& info = signature().outputs[index];
  const std::string path = "outputs." + info.name;
  if (info.kind != ValueInfo::Kind::kTensor || info.type == ElementType::kString) {
    return {ErrorCode::kTypeMismatch, path + ": cannot be written into given memory"};
  }
  if (memory.type != info.type) {
    return {ErrorCode::kTypeMismatch, path + ".type: expected " +
                                          std::string(ElementTypeName(info.type)) + ", got " +
                                          std::string(ElementTypeName(memory.type))};
  }
  if (TensorBytes(memory.type, memory.dims) != memory.byte_length) {
    return {ErrorCode::kShapeMismatch, path + ".data: its length does not match its dims"};
  }
  if (memory.data == nullptr && memory.byte_length > 0) {
    return {ErrorCode::kInvalidArgument, path + ": has no data"};
  }
  outputs_[index] = {};
  outputs_[index].memory = memory;
  outputs_[index].bound = true;
  Changed();
  return Status::Ok();
}

Status TfLiteBinding::BindFlexibleOutput(size_t index, const TensorView& memory) {
  ONLITE_RETURN_IF_ERROR(BindOutput(index, memory));
  outputs_[index].flexible = true;
  return Status::Ok();
}

Status TfLiteBinding::BindDynamicOutput(size_t index) {
  if (index >= outputs_.size()) {
    return {ErrorCode::kInvalidArgument,
            "outputs: there is none with index " + std::to_string(index)};
  }
  outputs_[index] = {};
  outputs_[index].dynamic = true;
  Changed();
  return Status::Ok();
}

Status TfLiteBinding::Prepare() {
  static std::atomic<uint64_t> last_arrangement{0};
  for (size_t index = 0; index < feeds_.size(); ++index) {
    if (feeds_[index] == nullptr) {
      return {ErrorCode::kInvalidArgument,
              "inputs." + signature().inputs[index].name + ": missing"};
    }
  }
  for (Output& output : outputs_) {
    output.alone = output.bound;
    for (const TensorView& input : inputs_) output.alone &= !Overlap(output.memory, input);
    for (const Output& other : outputs_) {
      output.alone &= &other == &output || !other.bound || !Overlap(output.memory, other.memory);
    }
  }
  arrangement_ = ++last_arrangement;
  return Status::Ok();
}

Status TfLiteBinding::PlaceInputs(Interpreter* interpreter, bool may_place) {
  const EntryRunner& runner = interpreter->runner(entry_);
  Placement& placement = interpreter->placement();
  for (size_t index = 0; index < feeds_.size(); ++index) {
    const TensorView& feed = *feeds_[index];
    const TfLiteTensor* tensor = runner.Input(index);
    const int tensor_index = runner.InputTensorIndex(index);
    if (tensor_index < 0) continue;
    if (may_place && feed.type != ElementType::kString &&
        placement.Place(tensor_index, tensor, feed)) {
      continue;
    }
    ONLITE_RETURN_IF_ERROR(placement.Withdraw(tensor_index, tensor));
  }
  return Status::Ok();
}

Status TfLiteBinding::PlaceOutputs(Interpreter* interpreter, bool may_place) {
  const EntryRunner& runner = interpreter->runner(entry_);
  Placement& placement = interpreter->placement();
  for (size_t index = 0; index < outputs_.size(); ++index) {
    const Output& output = outputs_[index];
    const int tensor_index = runner.OutputTensorIndex(index);
    const TfLiteTensor* tensor = tensor_index >= 0 ? runner.Output(index) : nullptr;
    if (tensor == nullptr || interpreter->IsPrimaryInput(tensor_index)) continue;
    if (may_place && output.alone && HasDims(interpreter->api(), tensor, output.memory.dims) &&
        placement.Place(tensor_index, tensor, output.memory)) {
      continue;
    }
    ONLITE_RETURN_IF_ERROR(placement.Withdraw(tensor_index, tensor));
  }
  return Status::Ok();
}

Status TfLiteBinding::Arrange(Interpreter* interpreter) {
  Placement& placement = interpreter->placement();
  // A signature may share the primary entry point's tensors.
  if (entry_ != 0) return interpreter->WithdrawAll();
  const bool worth = interpreters_->IsWorthPlacing(*interpreter);
  const bool may_place = worth && interpreter->may_place();
  ONLITE_RETURN_IF_ERROR(PlaceInputs(interpreter, may_place));
  ONLITE_RETURN_IF_ERROR(PlaceOutputs(interpreter, may_place));
  if (worth) placement.set_arrangement(arrangement_);
  return Status::Ok();
}

Status TfLiteBinding::Feed(Interpreter* interpreter) {
  const Api& api = interpreter->api();
  const EntryRunner& runner = interpreter->runner(entry_);
  for (size_t index = 0; index < feeds_.size(); ++index) {
    TfLiteTensor* tensor = runner.Input(index);
    const TensorView& feed = *feeds_[index];
    if (feed.data != nullptr && api.TensorData(tensor) == feed.data) continue;
    ONLITE_RETURN_IF_ERROR(FeedTensor(api, feed, tensor, signature().inputs[index].name));
  }
  return Status::Ok();
}

Status TfLiteBinding::Fetch(Interpreter* interpreter) {
  const Api& api = interpreter->api();
  const EntryRunner& runner = interpreter->runner(entry_);
  strayed_ = false;
  for (size_t index = 0; index < outputs_.size(); ++index) {
    Output& output = outputs_[index];
    if (!output.bound && !output.dynamic) continue;
    const TfLiteTensor* tensor = runner.Output(index);
    // Written there by the runtime, whose shapes did not change since they were compared.
    if (output.alone && tensor != nullptr && api.TensorData(tensor) == output.memory.data) continue;
    Value value;
    ONLITE_RETURN_IF_ERROR(FetchTensor(api, tensor, output.memory, output.flexible,
                                       signature().outputs[index].name, &value));
    const bool strays = output.flexible && value.owner != nullptr;
    strayed_ |= strays;
    if (output.dynamic || strays) output.value = std::move(value);
  }
  return Status::Ok();
}

Status TfLiteBinding::DeliverEmpty(const EmptyOutputs& empty, const CancelToken* cancel,
                                   int64_t started, RunTimes* times) {
  if (cancel != nullptr && cancel->cancelled()) {
    return {ErrorCode::kCancelled, "the run was cancelled"};
  }
  strayed_ = false;
  for (size_t index = 0; index < outputs_.size(); ++index) {
    Output& output = outputs_[index];
    if (!output.bound && !output.dynamic) continue;
    const TensorView& produced = empty.outputs[index];
    output.value = {};
    // Bound memory of no bytes may have no address.
    const bool fits = output.bound && output.memory.dims == produced.dims;
    if (fits) continue;
    if (output.bound && !output.flexible) {
      return {ErrorCode::kShapeMismatch, "outputs." + signature().outputs[index].name +
                                             ".dims: expected " + DimsToString(produced.dims) +
                                             ", got " + DimsToString(output.memory.dims)};
    }
    ONLITE_RETURN_IF_ERROR(
        FetchEmpty(produced, {}, false, signature().outputs[index].name, &output.value));
    strayed_ |= output.flexible;
  }
  if (times != nullptr) *times = {MonotonicNow() - started, 0, 0};
  return Status::Ok();
}

Status TfLiteBinding::Run(CancelToken* cancel, RunTimes* times) {
  const int64_t started = times != nullptr ? MonotonicNow() : 0;
  if (arrangement_ == 0) ONLITE_RETURN_IF_ERROR(Prepare());
  Lease lease(interpreters_);
  ONLITE_RETURN_IF_ERROR(lease.Acquire());
  if (lease.get()->placement().arrangement() != arrangement_) {
    lease.GiveBack();
    std::shared_ptr<const EmptyOutputs> empty;
    ONLITE_RETURN_IF_ERROR(lease.AcquireFor(entry_, feeds_, shapes_, &empty));
    if (empty != nullptr) return DeliverEmpty(*empty, cancel, started, times);
    ONLITE_RETURN_IF_ERROR(Arrange(lease.get()));
  }
  Interpreter* interpreter = lease.get();
  ONLITE_RETURN_IF_ERROR(Feed(interpreter));
  const int64_t bound = times != nullptr ? MonotonicNow() : 0;
  ONLITE_RETURN_IF_ERROR(Invoke(interpreter, entry_, cancel));
  const int64_t invoked = times != nullptr ? MonotonicNow() : 0;
  ONLITE_RETURN_IF_ERROR(Fetch(interpreter));
  if (times != nullptr) *times = {bound - started, invoked - bound, MonotonicNow() - invoked};
  return Status::Ok();
}

Status TfLiteBinding::TakeOutput(size_t index, Value* value) {
  if (index >= outputs_.size() || !(outputs_[index].dynamic || outputs_[index].flexible)) {
    return {ErrorCode::kInvalidArgument, "outputs: index is not bound as dynamic"};
  }
  *value = outputs_[index].value;
  if (outputs_[index].flexible && value->kind == Value::Kind::kNone) {
    value->kind = Value::Kind::kTensor;
    value->tensor = outputs_[index].memory;
  }
  return Status::Ok();
}

}  // namespace onlite::tflite
