#include "runtimes/tflite/run/request.h"

#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "runtimes/tflite/model/tensor_verifier.h"
#include "runtimes/value_path.h"

namespace onlite::tflite {
namespace {

Status CheckLength(const TensorView& feed, const ValuePath& path) {
  // Kernels index elements with 32-bit integers.
  if (ElementCount(feed.dims).value_or(SIZE_MAX) > INT32_MAX) {
    return {ErrorCode::kShapeMismatch, path + ".dims: more elements than can be indexed"};
  }
  if (feed.type == ElementType::kString) {
    const std::optional<size_t> count = ElementCount(feed.dims);
    if (count == feed.strings.size()) return Status::Ok();
    return {ErrorCode::kShapeMismatch, path + ": expected " + std::to_string(count.value_or(0)) +
                                           " strings, got " + std::to_string(feed.strings.size())};
  }
  const std::optional<size_t> bytes = TensorBytes(feed.type, feed.dims);
  if (!bytes) return {ErrorCode::kShapeMismatch, path + ".dims: too large"};
  if (*bytes > kMaxTensorBytes) {
    return {ErrorCode::kShapeMismatch, path + ".dims: more than 2 GiB"};
  }
  if (*bytes != feed.byte_length) {
    return {ErrorCode::kShapeMismatch, path + ": expected " + std::to_string(*bytes) +
                                           " bytes, got " + std::to_string(feed.byte_length)};
  }
  if (feed.data == nullptr && *bytes > 0) {
    return {ErrorCode::kInvalidArgument, path + ": has no data"};
  }
  return Status::Ok();
}

Status CheckDims(const ValueInfo& input, const TensorSpec& spec, const Dims& dims,
                 const ValuePath& path) {
  if (!input.unknown_rank && dims.size() != input.dims.size()) {
    return {ErrorCode::kShapeMismatch,
            path + ".dims: expected " + DimsToString(input.dims) + ", got " + DimsToString(dims)};
  }
  for (size_t index = 0; index < dims.size(); ++index) {
    const auto at = [&] { return path + (".dims[" + std::to_string(index) + "]: "); };
    if (dims[index] < 0 || dims[index] > std::numeric_limits<int32_t>::max()) {
      return {ErrorCode::kShapeMismatch,
              at() + std::to_string(dims[index]) + " is not a dimension"};
    }
    if (input.unknown_rank || spec.resizable[index] || input.dims[index] == dims[index]) continue;
    return {ErrorCode::kShapeMismatch, at() + "expected " + std::to_string(input.dims[index]) +
                                           ", got " + std::to_string(dims[index])};
  }
  return Status::Ok();
}

Status CheckInput(const ValueInfo& input, const TensorSpec& spec, const TensorView& feed) {
  const ValuePath path{"inputs", input.name};
  if (input.kind != ValueInfo::Kind::kTensor) {
    return {ErrorCode::kUnsupported, path + ": not a tensor that can be fed"};
  }
  if (feed.type != input.type) {
    return {ErrorCode::kTypeMismatch, path + ".type: expected " +
                                          std::string(ElementTypeName(input.type)) + ", got " +
                                          std::string(ElementTypeName(feed.type))};
  }
  ONLITE_RETURN_IF_ERROR(CheckDims(input, spec, feed.dims, path));
  return CheckLength(feed, path);
}

}  // namespace

Status CheckInput(const ModelInfo& info, size_t signature, size_t index, const TensorView& feed) {
  const std::vector<ValueInfo>& inputs = info.signatures[signature].inputs;
  if (index >= inputs.size()) {
    return {ErrorCode::kInvalidArgument,
            "inputs: there is none with index " + std::to_string(index)};
  }
  return CheckInput(inputs[index], info.entry_points[signature].inputs[index], feed);
}

Status CheckRequest(const ModelInfo& info, const RunRequest& request,
                    std::vector<const TensorView*>* feeds) {
  if (request.signature >= info.signatures.size()) {
    return {ErrorCode::kInvalidArgument,
            "signature: there is none with index " + std::to_string(request.signature)};
  }
  const SignatureInfo& signature = info.signatures[request.signature];
  feeds->assign(signature.inputs.size(), nullptr);
  for (const RunInput& input : request.inputs) {
    ONLITE_RETURN_IF_ERROR(CheckInput(info, request.signature, input.index, input.tensor));
    if ((*feeds)[input.index] != nullptr) {
      return {ErrorCode::kInvalidArgument,
              "inputs." + signature.inputs[input.index].name + ": given twice"};
    }
    (*feeds)[input.index] = &input.tensor;
  }
  for (size_t index = 0; index < feeds->size(); ++index) {
    if ((*feeds)[index] == nullptr) {
      return {ErrorCode::kInvalidArgument, "inputs." + signature.inputs[index].name + ": missing"};
    }
  }
  for (const RunOutput& output : request.outputs) {
    if (output.index >= signature.outputs.size()) {
      return {ErrorCode::kInvalidArgument,
              "outputs: there is none with index " + std::to_string(output.index)};
    }
    const ValueInfo& value = signature.outputs[output.index];
    if (value.kind != ValueInfo::Kind::kTensor) {
      return {ErrorCode::kUnsupported, "outputs." + value.name + ": not a tensor that can be read"};
    }
  }
  return Status::Ok();
}

}  // namespace onlite::tflite
