#include "session/batch_support.h"

#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "core/batch_tensors.h"

namespace onlite {
namespace {

Status CannotBatch(const std::string& why) {
  return {ErrorCode::kUnsupported, "options.batching: " + why};
}

Status CheckValue(const ValueInfo& value, const char* list) {
  const std::string path = std::string(list) + "." + value.name;
  if (value.kind != ValueInfo::Kind::kTensor || value.unknown_rank || value.dims.empty()) {
    return CannotBatch(path + " is not a tensor of known rank with a first dimension");
  }
  if (value.dims[0] >= 0) {
    return CannotBatch("the first dimension of " + path +
                       " is not dynamic: " + DimsToString(value.dims));
  }
  if (ElementBits(value.type) == 0) {
    return CannotBatch(path + " has elements of no fixed size");
  }
  // Whatever the dynamic dims are.
  uint64_t bits = ElementBits(value.type) % 8;
  for (size_t axis = 1; axis < value.dims.size(); ++axis) {
    if (value.dims[axis] >= 0) bits = bits * (static_cast<uint64_t>(value.dims[axis]) % 8) % 8;
  }
  if (bits != 0) return CannotBatch("a row of " + path + " is not a whole number of bytes");
  return Status::Ok();
}

/// The name of the first dimension; empty if it has none, or one that an exporter made
/// up for a dimension without: tf2onnx's "unk__7", PyTorch's "x_dynamic_axes_1".
std::string_view RowSymbol(const ValueInfo& value) {
  if (value.symbols.empty()) return {};
  const std::string_view symbol = value.symbols[0];
  const bool made_up =
      symbol.starts_with("unk__") || symbol.find("_dynamic_axes_") != std::string_view::npos;
  return made_up ? std::string_view() : symbol;
}

/// Whether one signature's first dimensions have no name but one, an input's.
Status CheckSymbols(const SignatureInfo& signature) {
  std::string_view symbol;
  for (const std::vector<ValueInfo>* values : {&signature.inputs, &signature.outputs}) {
    const bool input = values == &signature.inputs;
    for (const ValueInfo& value : *values) {
      if (value.overridable_initializer || RowSymbol(value).empty()) continue;
      if (input && symbol.empty()) symbol = RowSymbol(value);
      if (RowSymbol(value) == symbol) continue;
      return CannotBatch("the first dimension of " + std::string(input ? "inputs." : "outputs.") +
                         value.name + " is " + value.symbols[0] + ", expected " +
                         (symbol.empty() ? "the name of an input's" : std::string(symbol)) +
                         ": the model does not promise that its rows are those of the inputs");
    }
  }
  return Status::Ok();
}

bool HasOptions(const RunOptions& options) {
  return options.log_severity >= 0 || options.log_verbosity > 0 || !options.tag.empty() ||
         !options.config_entries.empty() || !options.profile_prefix.empty();
}

bool Matches(const ValueInfo& info, const TensorView& tensor, int64_t rows) {
  if (tensor.type != info.type || tensor.dims.size() != info.dims.size()) return false;
  if (tensor.dims[0] != rows) return false;
  for (size_t axis = 1; axis < tensor.dims.size(); ++axis) {
    if (info.dims[axis] >= 0 && tensor.dims[axis] != info.dims[axis]) return false;
  }
  const auto bytes = TensorBytes(tensor.type, tensor.dims);
  return bytes == tensor.byte_length && (tensor.data != nullptr || *bytes == 0) &&
         RowBytes(tensor.type, tensor.dims).has_value();
}

/// Every input proper is given once, and as the model declares it.
bool MatchesInputs(const SignatureInfo& signature, const RunRequest& request, int64_t rows) {
  std::vector<bool> given(signature.inputs.size(), false);
  for (const RunInput& input : request.inputs) {
    if (input.index >= given.size() || given[input.index]) return false;
    const ValueInfo& info = signature.inputs[input.index];
    if (info.overridable_initializer || !Matches(info, input.tensor, rows)) return false;
    given[input.index] = true;
  }
  for (size_t index = 0; index < given.size(); ++index) {
    if (!given[index] && !signature.inputs[index].overridable_initializer) return false;
  }
  return true;
}

bool MatchesOutputs(const SignatureInfo& signature, const RunRequest& request) {
  std::vector<bool> asked(signature.outputs.size(), false);
  for (const RunOutput& output : request.outputs) {
    if (output.index >= asked.size() || asked[output.index]) return false;
    // Nothing of a batch may be written to memory of one request's.
    if (output.into.data != nullptr) return false;
    asked[output.index] = true;
  }
  return !request.outputs.empty();
}

}  // namespace

Status CheckBatching(const SessionInfo& info) {
  if (info.has_variables) {
    return CannotBatch("the model has variables, so its runs depend on each other");
  }
  for (const SignatureInfo& signature : info.signatures) {
    if (signature.inputs.empty()) return CannotBatch("the model has no inputs");
    for (const ValueInfo& input : signature.inputs) {
      if (input.overridable_initializer) continue;
      ONLITE_RETURN_IF_ERROR(CheckValue(input, "inputs"));
    }
    for (const ValueInfo& output : signature.outputs) {
      ONLITE_RETURN_IF_ERROR(CheckValue(output, "outputs"));
    }
    ONLITE_RETURN_IF_ERROR(CheckSymbols(signature));
  }
  return Status::Ok();
}

size_t BatchRows(const SessionCore& core, const RunRequest& request, bool is_warm_up) {
  const SessionInfo& info = core.info;
  if (is_warm_up || HasOptions(request.options) || !core.keeps_rows) return 0;
  if (request.signature >= info.signatures.size()) return 0;
  if (request.inputs.empty() || request.inputs[0].tensor.dims.empty()) return 0;
  const int64_t rows = request.inputs[0].tensor.dims[0];
  if (rows < 1 || static_cast<uint64_t>(rows) > core.batches->options().max_rows) return 0;
  const SignatureInfo& signature = info.signatures[request.signature];
  const bool matches =
      MatchesInputs(signature, request, rows) && MatchesOutputs(signature, request);
  return matches ? static_cast<size_t>(rows) : 0;
}

}  // namespace onlite
