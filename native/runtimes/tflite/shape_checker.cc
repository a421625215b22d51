#include "runtimes/tflite/shape_checker.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "runtimes/tflite/interpreter.h"
#include "runtimes/tflite/tensor_verifier.h"

namespace onlite::tflite {
namespace {

constexpr size_t kMaxVerdicts = 256;

bool IsEmpty(const Api& api, const TfLiteTensor* tensor) {
  const int32_t rank = api.TensorNumDims(tensor);
  for (int32_t index = 0; index < rank; ++index) {
    if (api.TensorDim(tensor, index) <= 0) return true;
  }
  return false;
}

/// A tensor that gets its shape only while the model runs.
bool IsDynamic(const Api& api, const TfLiteTensor* tensor) {
  return IsAllocated(api, tensor, ApiAllocationType::kDynamic);
}

bool AnyEmpty(Feeds feeds) {
  for (const TensorView* feed : feeds) {
    if (ElementCount(feed->dims).value_or(0) == 0) return true;
  }
  return false;
}

bool HasEmptyOutput(const Interpreter& interpreter, size_t entry, const SignatureInfo& signature) {
  const Api& api = interpreter.api();
  for (size_t index = 0; index < signature.outputs.size(); ++index) {
    const Dims& declared = signature.outputs[index].dims;
    if (std::find(declared.begin(), declared.end(), 0) != declared.end()) continue;
    const TfLiteTensor* tensor = interpreter.runner(entry).Output(index);
    if (tensor != nullptr && !IsDynamic(api, tensor) && IsEmpty(api, tensor)) return true;
  }
  return false;
}

bool HasEmptyInnerTensor(const Interpreter& interpreter, const EntryPoint& point) {
  if (point.subgraph != 0) return false;
  const Api& api = interpreter.api();
  for (const int index : point.computed_tensors) {
    const TfLiteTensor* tensor = interpreter.PrimaryTensor(index);
    if (tensor == nullptr || IsDynamic(api, tensor)) continue;
    if (IsEmpty(api, tensor)) return true;
  }
  return false;
}

bool HasHugeTensor(const Interpreter& interpreter, size_t entry, const EntryPoint& point) {
  const Api& api = interpreter.api();
  const auto is_huge = [&api](const TfLiteTensor* tensor) {
    return tensor != nullptr && !IsDynamic(api, tensor) &&
           api.TensorByteSize(tensor) > kMaxTensorBytes;
  };
  for (size_t index = 0; index < point.outputs.size(); ++index) {
    if (is_huge(interpreter.runner(entry).Output(index))) return true;
  }
  if (point.subgraph != 0) return false;
  return std::any_of(point.computed_tensors.begin(), point.computed_tensors.end(),
                     [&](const int index) { return is_huge(interpreter.PrimaryTensor(index)); });
}

bool OutgrowsVariable(const Interpreter& interpreter, const EntryPoint& point) {
  if (point.subgraph != 0) return false;
  const Api& api = interpreter.api();
  for (const auto& [index, bytes] : point.variable_contents) {
    const TfLiteTensor* tensor = interpreter.PrimaryTensor(index);
    if (tensor == nullptr || IsDynamic(api, tensor)) continue;
    if (api.TensorByteSize(tensor) != bytes) return true;
  }
  return false;
}

/// Which input is to blame, and what it was: the first whose dims differ from
/// the declared ones, which are what the model was made with.
std::string Blame(const SignatureInfo& signature, Feeds feeds) {
  std::string text;
  for (size_t index = 0; index < feeds.size(); ++index) {
    const ValueInfo& input = signature.inputs[index];
    const Dims& dims = feeds[index]->dims;
    for (size_t dim = 0; dim < dims.size() && dim < input.dims.size(); ++dim) {
      if (input.dims[dim] >= 0 && input.dims[dim] != dims[dim]) {
        return "inputs." + input.name + ".dims[" + std::to_string(dim) + "]: expected " +
               std::to_string(input.dims[dim]) + ", got " + std::to_string(dims[dim]);
      }
    }
    text += (text.empty() ? "inputs." : ", inputs.") + input.name + ".dims: " + DimsToString(dims);
  }
  return text + ": the model cannot be run with this shape";
}

}  // namespace

Status ShapeChecker::Try(size_t entry, Feeds feeds) const {
  const EntryPoint& point = model_.info().entry_points[entry];
  const SignatureInfo& signature = model_.info().signatures[entry];
  std::unique_ptr<Interpreter> trial;
  ONLITE_RETURN_IF_ERROR(Interpreter::Create(model_, {}, &trial));
  Status allocated = trial->SetShapes(entry, feeds);
  if (!allocated.ok()) {
    if (allocated.code() != ErrorCode::kShapeMismatch) return allocated;
    return {ErrorCode::kShapeMismatch, Blame(signature, feeds), allocated.cause()};
  }
  if (HasHugeTensor(*trial, entry, point)) {
    return {ErrorCode::kShapeMismatch, Blame(signature, feeds),
            "a tensor that the model computes would have more than 2 GiB"};
  }
  if (OutgrowsVariable(*trial, point)) {
    return {ErrorCode::kShapeMismatch, Blame(signature, feeds),
            "a variable would get another size than it is declared with"};
  }
  if (AnyEmpty(feeds)) return Status::Ok();
  if (HasEmptyInnerTensor(*trial, point) || HasEmptyOutput(*trial, entry, signature)) {
    return {ErrorCode::kShapeMismatch, Blame(signature, feeds),
            "a tensor that the model computes would have no elements"};
  }
  return Status::Ok();
}

Status ShapeChecker::Check(size_t entry, Feeds feeds) {
  Key key{entry, {}};
  for (const TensorView* feed : feeds) key.second.push_back(feed->dims);
  {
    const std::lock_guard lock(mutex_);
    const auto known = verdicts_.find(key);
    if (known != verdicts_.end()) return known->second;
  }
  Status verdict = Try(entry, feeds);
  const std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kMaxVerdicts) verdicts_.erase(verdicts_.begin());
  verdicts_.insert_or_assign(std::move(key), verdict);
  return verdict;
}

}  // namespace onlite::tflite
