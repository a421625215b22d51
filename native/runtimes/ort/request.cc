#include "runtimes/ort/request.h"

#include <string>
#include <vector>

#include "runtimes/ort/element_type.h"
#include "runtimes/value_path.h"

namespace onlite::ort {
namespace {

Status WrongShape(std::string message) { return {ErrorCode::kShapeMismatch, std::move(message)}; }

Status CheckDims(const ValueInfo& info, const Dims& dims, const ValuePath& path) {
  // ONNX Runtime holds nobody to a declared scalar (InferenceSession::CheckShapes), and models
  // live by that: Silero VAD's users feed its sampling rate as [1].
  const bool any = info.unknown_rank || info.dims.empty();
  if (!any && dims.size() != info.dims.size()) {
    return WrongShape(path + ".dims: expected " + std::to_string(info.dims.size()) +
                      " dimensions " + DimsToString(info.dims) + ", got " +
                      std::to_string(dims.size()));
  }
  for (size_t index = 0; index < dims.size(); ++index) {
    const auto where = [&] { return path + (".dims[" + std::to_string(index) + "]: expected "); };
    if (dims[index] < 0) {
      return WrongShape(where() + "0 or more, got " + std::to_string(dims[index]));
    }
    if (any || info.dims[index] < 0) continue;
    if (dims[index] != info.dims[index]) {
      return WrongShape(where() + std::to_string(info.dims[index]) + ", got " +
                        std::to_string(dims[index]));
    }
  }
  return Status::Ok();
}

Status CheckStrings(const TensorView& tensor, const ValuePath& path) {
  const std::optional<size_t> count = ElementCount(tensor.dims);
  if (count && *count == tensor.strings.size()) return Status::Ok();
  return WrongShape(path + ".data: expected " + (count ? std::to_string(*count) : "fewer") +
                    " strings for " + DimsToString(tensor.dims) + ", got " +
                    std::to_string(tensor.strings.size()));
}

Status CheckMemory(const TensorView& tensor, const ValuePath& path) {
  const std::optional<size_t> bytes = TensorBytes(tensor.type, tensor.dims);
  if (!bytes) return WrongShape(path + ".dims: " + DimsToString(tensor.dims) + " is too large");
  if (tensor.byte_length < *bytes) {
    return WrongShape(path + ".data: expected " + std::to_string(*bytes) + " bytes for " +
                      std::string(ElementTypeName(tensor.type)) + " " + DimsToString(tensor.dims) +
                      ", got " + std::to_string(tensor.byte_length));
  }
  if (tensor.data == nullptr && *bytes > 0) {
    return {ErrorCode::kInvalidArgument, path + ".data: missing"};
  }
  return Status::Ok();
}

const char* Expected(ValueInfo::Kind kind) {
  return kind == ValueInfo::Kind::kOther ? "special type" : KindName(kind);
}

Status CheckTensor(const ValueInfo& info, const TensorView& tensor, const ValuePath& path) {
  if (info.kind != ValueInfo::Kind::kTensor) {
    return {ErrorCode::kUnsupported,
            path + ": expected a " + Expected(info.kind) + ", which a tensor is not"};
  }
  if (info.type == ElementType::kUndefined || ToOnnx(info.type) == kOnnxUndefined) {
    return {ErrorCode::kUnsupported, path + ".type: onlite does not know the model's type"};
  }
  if (tensor.type != info.type) {
    return {ErrorCode::kTypeMismatch, path + ".type: expected " +
                                          std::string(ElementTypeName(info.type)) + ", got " +
                                          std::string(ElementTypeName(tensor.type))};
  }
  ONLITE_RETURN_IF_ERROR(CheckDims(info, tensor.dims, path));
  return tensor.type == ElementType::kString ? CheckStrings(tensor, path)
                                             : CheckMemory(tensor, path);
}

/// ONNX Runtime checks the items' types, and no shapes.
Status CheckSequence(const ValueInfo& info, const std::vector<TensorView>& items,
                     const ValuePath& path) {
  if (info.kind != ValueInfo::Kind::kSequence) {
    return {ErrorCode::kTypeMismatch,
            path + ": expected a " + Expected(info.kind) + ", got a sequence"};
  }
  if (info.item_type == ElementType::kUndefined) {
    return {ErrorCode::kUnsupported, path + ": only sequences of tensors can be fed"};
  }
  if (items.empty()) {
    return {ErrorCode::kUnsupported,
            path + ": ONNX Runtime's C API cannot make a sequence of no tensors"};
  }
  ValueInfo item;
  item.type = info.item_type;
  item.unknown_rank = true;
  for (size_t index = 0; index < items.size(); ++index) {
    const std::string name = info.name + "[" + std::to_string(index) + "]";
    ONLITE_RETURN_IF_ERROR(CheckTensor(item, items[index], {path.list, name}));
  }
  return Status::Ok();
}

Status CheckIndex(size_t index, const std::vector<ValueInfo>& values, const char* list) {
  if (index < values.size()) return Status::Ok();
  return {ErrorCode::kInvalidArgument, std::string(list) + ": index " + std::to_string(index) +
                                           " of " + std::to_string(values.size())};
}

/// Marks `index`, which is in range, as used; an error if it was used before.
Status Claim(size_t index, const std::vector<ValueInfo>& values, const char* list,
             std::vector<bool>* used) {
  if ((*used)[index]) {
    return {ErrorCode::kInvalidArgument,
            std::string(list) + "." + values[index].name + ": given twice"};
  }
  (*used)[index] = true;
  return Status::Ok();
}

}  // namespace

Status CheckInput(const SignatureInfo& signature, size_t index, const TensorView& tensor) {
  ONLITE_RETURN_IF_ERROR(CheckIndex(index, signature.inputs, "inputs"));
  const ValueInfo& info = signature.inputs[index];
  return CheckTensor(info, tensor, {"inputs", info.name});
}

Status CheckOutput(const SignatureInfo& signature, size_t index, const TensorView& memory) {
  ONLITE_RETURN_IF_ERROR(CheckIndex(index, signature.outputs, "outputs"));
  const ValueInfo& info = signature.outputs[index];
  const ValuePath path = {"outputs", info.name};
  if (info.kind != ValueInfo::Kind::kTensor || info.type == ElementType::kString) {
    return {ErrorCode::kTypeMismatch, path + ": cannot be written into given memory"};
  }
  return CheckTensor(info, memory, path);
}

Status CheckRequest(const SignatureInfo& signature, const RunRequest& request) {
  std::vector<bool> fed(signature.inputs.size(), false);
  for (const RunInput& input : request.inputs) {
    if (input.is_sequence) {
      ONLITE_RETURN_IF_ERROR(CheckIndex(input.index, signature.inputs, "inputs"));
      const ValueInfo& info = signature.inputs[input.index];
      ONLITE_RETURN_IF_ERROR(CheckSequence(info, input.items, {"inputs", info.name}));
    } else {
      ONLITE_RETURN_IF_ERROR(CheckInput(signature, input.index, input.tensor));
    }
    ONLITE_RETURN_IF_ERROR(Claim(input.index, signature.inputs, "inputs", &fed));
  }
  for (size_t index = 0; index < fed.size(); ++index) {
    const ValueInfo& info = signature.inputs[index];
    if (!fed[index] && !info.optional) {
      return {ErrorCode::kInvalidArgument, "inputs." + info.name + ": missing"};
    }
  }

  if (request.outputs.empty()) {
    return {ErrorCode::kInvalidArgument, "outputs: at least one must be asked for"};
  }
  std::vector<bool> wanted(signature.outputs.size(), false);
  for (const RunOutput& output : request.outputs) {
    ONLITE_RETURN_IF_ERROR(CheckIndex(output.index, signature.outputs, "outputs"));
    ONLITE_RETURN_IF_ERROR(Claim(output.index, signature.outputs, "outputs", &wanted));
    if (output.into.data == nullptr || output.flexible) continue;
    ONLITE_RETURN_IF_ERROR(CheckOutput(signature, output.index, output.into));
  }
  return Status::Ok();
}

}  // namespace onlite::ort
