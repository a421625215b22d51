#include "runtimes/tflite/run/entry_runner.h"

#include <limits>
#include <utility>

namespace onlite::tflite {

Status EntryRunner::Create(const Api& api, TfLiteInterpreter* interpreter, const EntryPoint& entry,
                           const char* key, std::unique_ptr<EntryRunner>* runner) {
  std::unique_ptr<EntryRunner> created(new EntryRunner(api, interpreter, entry));
  if (key != nullptr) {
    if (!api.has_signature_runners()) {
      return {ErrorCode::kUnsupported,
              std::string("signature ") + key +
                  ": this TensorFlow Lite library has no signature runners"};
    }
    created->signature_ =
        SignatureRunnerHandle(api.InterpreterGetSignatureRunner(interpreter, key), {&api});
    if (created->signature_ == nullptr) {
      return {ErrorCode::kModelInvalid,
              std::string("signature ") + key + ": TensorFlow Lite refuses it"};
    }
  } else if (static_cast<size_t>(api.InterpreterGetInputTensorCount(interpreter)) !=
                 entry.inputs.size() ||
             static_cast<size_t>(api.InterpreterGetOutputTensorCount(interpreter)) !=
                 entry.outputs.size()) {
    return {ErrorCode::kModelInvalid, "TensorFlow Lite sees other inputs or outputs in the model"};
  }
  for (size_t index = 0; index < entry.inputs.size(); ++index) {
    if (created->Input(index) == nullptr) {
      return {ErrorCode::kModelInvalid,
              "inputs." + entry.inputs[index].name + ": TensorFlow Lite has no such tensor"};
    }
  }
  *runner = std::move(created);
  return Status::Ok();
}

TfLiteTensor* EntryRunner::Input(size_t index) const {
  if (signature_ == nullptr) {
    return api_.InterpreterGetInputTensor(interpreter_, static_cast<int32_t>(index));
  }
  return api_.SignatureRunnerGetInputTensor(signature_.get(), entry_.inputs[index].name.c_str());
}

const TfLiteTensor* EntryRunner::Output(size_t index) const {
  if (signature_ == nullptr) {
    return api_.InterpreterGetOutputTensor(interpreter_, static_cast<int32_t>(index));
  }
  return api_.SignatureRunnerGetOutputTensor(signature_.get(), entry_.outputs[index].name.c_str());
}

int EntryRunner::InputTensorIndex(size_t index) const {
  if (signature_ != nullptr || !api_.has_custom_allocation()) return -1;
  return api_.InterpreterInputTensorIndices(interpreter_)[index];
}

int EntryRunner::OutputTensorIndex(size_t index) const {
  if (signature_ != nullptr || !api_.has_custom_allocation()) return -1;
  return api_.InterpreterOutputTensorIndices(interpreter_)[index];
}

ApiStatus EntryRunner::Resize(size_t index, const Dims& dims) const {
  std::vector<int> narrow;
  narrow.reserve(dims.size());
  for (const int64_t dim : dims) {
    if (dim < 0 || dim > std::numeric_limits<int>::max()) return ApiStatus::kApplicationError;
    narrow.push_back(static_cast<int>(dim));
  }
  const auto rank = static_cast<int32_t>(narrow.size());
  if (signature_ == nullptr) {
    return api_.InterpreterResizeInputTensor(interpreter_, static_cast<int32_t>(index),
                                             narrow.data(), rank);
  }
  return api_.SignatureRunnerResizeInputTensor(signature_.get(), entry_.inputs[index].name.c_str(),
                                               narrow.data(), rank);
}

ApiStatus EntryRunner::Allocate() const {
  return signature_ == nullptr ? api_.InterpreterAllocateTensors(interpreter_)
                               : api_.SignatureRunnerAllocateTensors(signature_.get());
}

ApiStatus EntryRunner::Invoke() const {
  return signature_ == nullptr ? api_.InterpreterInvoke(interpreter_)
                               : api_.SignatureRunnerInvoke(signature_.get());
}

}  // namespace onlite::tflite
