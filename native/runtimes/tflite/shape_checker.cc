#include "runtimes/tflite/shape_checker.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "runtimes/tflite/interpreter.h"

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
  // The vendor documents an opaque tensor to be the tensor itself.
  return api.OpaqueTensorGetAllocationType != nullptr &&
         api.OpaqueTensorGetAllocationType(reinterpret_cast<const TfLiteOpaqueTensor*>(tensor)) ==
             ApiAllocationType::kDynamic;
}

bool AnyEmpty(const std::vector<Dims>& shapes) {
  for (const Dims& shape : shapes) {
    if (ElementCount(shape).value_or(0) == 0) return true;
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

/// Which input is to blame, and what it was: the first whose dims differ from
/// the declared ones, which are what the model was made with.
std::string Blame(const SignatureInfo& signature, const std::vector<Dims>& shapes) {
  std::string text;
  for (size_t index = 0; index < shapes.size(); ++index) {
    const ValueInfo& input = signature.inputs[index];
    for (size_t dim = 0; dim < shapes[index].size() && dim < input.dims.size(); ++dim) {
      if (input.dims[dim] >= 0 && input.dims[dim] != shapes[index][dim]) {
        return "inputs." + input.name + ".dims[" + std::to_string(dim) + "]: expected " +
               std::to_string(input.dims[dim]) + ", got " + std::to_string(shapes[index][dim]);
      }
    }
    text += (text.empty() ? "inputs." : ", inputs.") + input.name +
            ".dims: " + DimsToString(shapes[index]);
  }
  return text + ": the model cannot be run with this shape";
}

}  // namespace

Status ShapeChecker::Try(size_t entry, const std::vector<Dims>& shapes) const {
  const EntryPoint& point = model_.info().entry_points[entry];
  const SignatureInfo& signature = model_.info().signatures[entry];
  std::unique_ptr<Interpreter> trial;
  ONLITE_RETURN_IF_ERROR(Interpreter::Create(model_, {}, &trial));
  const Status allocated = trial->SetShapes(entry, shapes);
  if (!allocated.ok()) {
    if (allocated.code() != ErrorCode::kShapeMismatch) return allocated;
    return {ErrorCode::kShapeMismatch, Blame(signature, shapes), allocated.cause()};
  }
  if (AnyEmpty(shapes)) return Status::Ok();
  if (HasEmptyInnerTensor(*trial, point) || HasEmptyOutput(*trial, entry, signature)) {
    return {ErrorCode::kShapeMismatch, Blame(signature, shapes),
            "a tensor that the model computes would have no elements"};
  }
  return Status::Ok();
}

Status ShapeChecker::Check(size_t entry, const std::vector<Dims>& shapes) {
  Key key{entry, shapes};
  {
    const std::lock_guard lock(mutex_);
    const auto known = verdicts_.find(key);
    if (known != verdicts_.end()) return known->second;
  }
  const Status verdict = Try(entry, shapes);
  const std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kMaxVerdicts) verdicts_.erase(verdicts_.begin());
  verdicts_.insert_or_assign(std::move(key), verdict);
  return verdict;
}

}  // namespace onlite::tflite
