#include "runtimes/tflite/binding.h"

#include <utility>

#include "core/latency.h"
#include "runtimes/tflite/invocation.h"
#include "runtimes/tflite/request.h"
#include "runtimes/tflite/tensors.h"

namespace onlite::tflite {

TfLiteBinding::TfLiteBinding(const Model& model, size_t entry, ShapeChecker* shapes,
                             InterpreterPool* interpreters)
    : model_(model),
      entry_(entry),
      shapes_(shapes),
      interpreters_(interpreters),
      // Such a model's only interpreter could not be retired without its state.
      may_place_(!model.info().has_variables),
      inputs_(model.info().signatures[entry].inputs.size()),
      outputs_(model.info().signatures[entry].outputs.size()) {}

Status TfLiteBinding::BindInput(size_t index, const TensorView& tensor) {
  ONLITE_RETURN_IF_ERROR(CheckFeed(model_.info(), entry_, index, tensor));
  inputs_[index] = {tensor, true};
  checked_ = false;
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
    return {ErrorCode::kTypeMismatch,
            path + ".type: expected " + std::string(ElementTypeName(info.type)) + ", got " +
                std::string(ElementTypeName(memory.type))};
  }
  if (TensorBytes(memory.type, memory.dims) != memory.byte_length) {
    return {ErrorCode::kShapeMismatch, path + ".data: its length does not match its dims"};
  }
  outputs_[index] = {};
  outputs_[index].memory = memory;
  outputs_[index].bound = true;
  return Status::Ok();
}

Status TfLiteBinding::BindDynamicOutput(size_t index) {
  if (index >= outputs_.size()) {
    return {ErrorCode::kInvalidArgument,
            "outputs: there is none with index " + std::to_string(index)};
  }
  outputs_[index] = {};
  outputs_[index].dynamic = true;
  return Status::Ok();
}

Status TfLiteBinding::CheckShapes() {
  if (checked_) return Status::Ok();
  dims_.clear();
  for (size_t index = 0; index < inputs_.size(); ++index) {
    if (!inputs_[index].bound) {
      return {ErrorCode::kInvalidArgument,
              "inputs." + signature().inputs[index].name + ": missing"};
    }
    dims_.push_back(inputs_[index].tensor.dims);
  }
  ONLITE_RETURN_IF_ERROR(shapes_->Check(entry_, dims_));
  checked_ = true;
  return Status::Ok();
}

Status TfLiteBinding::PlaceInputs(Interpreter* interpreter) {
  const EntryRunner& runner = interpreter->runner(entry_);
  for (size_t index = 0; index < inputs_.size(); ++index) {
    const TensorView& feed = inputs_[index].tensor;
    TfLiteTensor* tensor = runner.Input(index);
    const int place = runner.InputTensorIndex(index);
    if (place >= 0) {
      if (may_place_ && feed.type != ElementType::kString &&
          interpreter->placement().Place(place, tensor, feed.data, feed.byte_length)) {
        continue;
      }
      ONLITE_RETURN_IF_ERROR(interpreter->placement().Withdraw(place, tensor));
    }
    ONLITE_RETURN_IF_ERROR(
        FeedTensor(interpreter->api(), feed, tensor, signature().inputs[index].name));
  }
  return Status::Ok();
}

Status TfLiteBinding::PlaceOutputs(Interpreter* interpreter) {
  const EntryRunner& runner = interpreter->runner(entry_);
  for (size_t index = 0; index < outputs_.size(); ++index) {
    Output& output = outputs_[index];
    output.placed = false;
    const int place = runner.OutputTensorIndex(index);
    const TfLiteTensor* tensor = place >= 0 ? runner.Output(index) : nullptr;
    if (tensor == nullptr) continue;
    bool is_input = false;
    for (size_t input = 0; input < inputs_.size(); ++input) {
      is_input = is_input || runner.InputTensorIndex(input) == place;
    }
    if (is_input) continue;
    output.placed =
        may_place_ && output.bound &&
        HasDims(interpreter->api(), tensor, output.memory.dims) &&
        interpreter->placement().Place(place, tensor, output.memory.data,
                                       output.memory.byte_length);
    if (!output.placed) ONLITE_RETURN_IF_ERROR(interpreter->placement().Withdraw(place, tensor));
  }
  return Status::Ok();
}

Status TfLiteBinding::Fetch(Interpreter* interpreter) {
  const EntryRunner& runner = interpreter->runner(entry_);
  for (size_t index = 0; index < outputs_.size(); ++index) {
    Output& output = outputs_[index];
    if (!output.bound && !output.dynamic) continue;
    const TfLiteTensor* tensor = runner.Output(index);
    // An output may be given to a second tensor's memory, or change its shape
    // in the run; then it is compared and copied after all.
    if (output.placed && tensor != nullptr &&
        interpreter->api().TensorData(tensor) == output.memory.data) {
      continue;
    }
    Value value;
    ONLITE_RETURN_IF_ERROR(FetchTensor(interpreter->api(), tensor, output.memory,
                                       signature().outputs[index].name, &value));
    if (output.dynamic) output.value = std::move(value);
  }
  return Status::Ok();
}

Status TfLiteBinding::Run(CancelToken* cancel, RunTimes* times) {
  const int64_t started = times != nullptr ? MonotonicNow() : 0;
  ONLITE_RETURN_IF_ERROR(CheckShapes());
  Lease lease(interpreters_);
  ONLITE_RETURN_IF_ERROR(lease.AcquireFor(entry_, dims_));
  Interpreter* interpreter = lease.get();
  ONLITE_RETURN_IF_ERROR(interpreter->SetShapes(entry_, dims_));
  // A signature may share the primary entry point's tensors.
  if (entry_ != 0) ONLITE_RETURN_IF_ERROR(interpreter->WithdrawAll());
  ONLITE_RETURN_IF_ERROR(PlaceInputs(interpreter));
  ONLITE_RETURN_IF_ERROR(PlaceOutputs(interpreter));
  const int64_t bound = times != nullptr ? MonotonicNow() : 0;
  ONLITE_RETURN_IF_ERROR(Invoke(interpreter, entry_, cancel));
  const int64_t invoked = times != nullptr ? MonotonicNow() : 0;
  ONLITE_RETURN_IF_ERROR(Fetch(interpreter));
  if (times != nullptr) *times = {bound - started, invoked - bound, MonotonicNow() - invoked};
  return Status::Ok();
}

Status TfLiteBinding::TakeOutput(size_t index, Value* value) {
  if (index >= outputs_.size() || !outputs_[index].dynamic) {
    return {ErrorCode::kInvalidArgument, "outputs: index is not bound as dynamic"};
  }
  *value = std::move(outputs_[index].value);
  outputs_[index].value = {};
  return Status::Ok();
}

}  // namespace onlite::tflite
