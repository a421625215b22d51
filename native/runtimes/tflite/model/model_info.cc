#include "runtimes/tflite/model/model_info.h"

#include <algorithm>
#include <optional>
#include <set>
#include <utility>

#include "runtimes/tflite/model/metadata.h"
#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite {
namespace {

std::optional<Quantization> ReadQuantization(const FlatTable& tensor, size_t rank) {
  using Fields = schema::Quantization;
  const FlatTable table = tensor.Table(schema::Tensor::kQuantization);
  const auto scale = table.Vector<float>(Fields::kScale);
  const auto zero_point = table.Vector<int64_t>(Fields::kZeroPoint);
  if (scale.size() == 0 || table.Scalar<uint8_t>(Fields::kDetailsType, 0) != 0) return std::nullopt;
  Quantization quantization;
  for (size_t index = 0; index < scale.size(); ++index) {
    quantization.scale.push_back(scale[index]);
    // One zero point may stand for all channels, and none for zero.
    int64_t zero = 0;
    if (zero_point.size() > 0) zero = zero_point[zero_point.size() == 1 ? 0 : index];
    quantization.zero_point.push_back(zero);
  }
  const auto axis = table.Scalar<int32_t>(Fields::kQuantizedDimension, 0);
  if (scale.size() > 1 && axis >= 0 && static_cast<size_t>(axis) < rank) quantization.axis = axis;
  return quantization;
}

/// Gives every value a name that no other of the list has: a later one of a name
/// that was there before is "name:1", and a blank one "input:2" by its index.
void MakeNamesUnique(const char* list, std::vector<ValueInfo>* values) {
  std::set<std::string> taken;
  for (const ValueInfo& value : *values) taken.insert(value.name);
  std::set<std::string> given;
  for (size_t index = 0; index < values->size(); ++index) {
    std::string& name = (*values)[index].name;
    if (!name.empty() && given.insert(name).second) continue;
    const std::string base = name.empty() ? list : name;
    size_t number = name.empty() ? index : 1;
    do {
      name = base + ":" + std::to_string(number++);
    } while (!taken.insert(name).second);
  }
}

class ModelReader {
 public:
  ModelReader(std::span<const uint8_t> bytes, bool resize_inputs)
      : file_(bytes), model_(file_.Root(schema::kModelIdentifier)), resize_inputs_(resize_inputs) {}

  ModelInfo Read() {
    ModelInfo info;
    info.metadata = ReadMetadata(&file_, model_);
    // Converters that write this entry write a shape_signature wherever a dim
    // is dynamic. Before them a dynamic dim was stored as 1 and could not be
    // told from a fixed one: there every dim may be fed anew, and what the
    // allocation of a trial interpreter refuses is refused.
    knows_dynamic_dims_ = info.metadata.custom.contains("min_runtime_version");
    subgraphs_ = model_.Tables(schema::Model::kSubgraphs);
    for (size_t index = 0; index < subgraphs_.size(); ++index) Scan(subgraphs_[index]);
    info.has_variables = has_variables_;
    info.subgraph_count = subgraphs_.size();
    info.tensor_count = subgraphs_[0].Tables(schema::SubGraph::kTensors).size();
    AddPrimary(&info);
    const FlatTables signatures = model_.Tables(schema::Model::kSignatureDefs);
    for (size_t index = 0; index < signatures.size(); ++index)
      AddSignature(signatures[index], &info);
    return info;
  }

 private:
  void Scan(const FlatTable& subgraph) {
    const FlatTables tensors = subgraph.Tables(schema::SubGraph::kTensors);
    for (size_t index = 0; index < tensors.size(); ++index) {
      const FlatTable tensor = tensors[index];
      has_variables_ |= tensor.Scalar<uint8_t>(schema::Tensor::kIsVariable, 0) != 0;
      has_variables_ |= tensor.Scalar<int8_t>(schema::Tensor::kType, 0) == schema::kResource;
      knows_rank_ |= tensor.Scalar<uint8_t>(schema::Tensor::kHasRank, 0) != 0;
      knows_dynamic_dims_ |= tensor.Vector<int32_t>(schema::Tensor::kShapeSignature).size() > 0;
    }
  }

  void AddPrimary(ModelInfo* info) {
    const FlatTable subgraph = subgraphs_[0];
    EntryPoint entry = Entry(0);
    SignatureInfo signature;
    const auto inputs = subgraph.Vector<int32_t>(schema::SubGraph::kInputs);
    for (size_t index = 0; index < inputs.size(); ++index) {
      Add(subgraph, inputs[index], std::nullopt, &signature.inputs, &entry.inputs);
    }
    const auto outputs = subgraph.Vector<int32_t>(schema::SubGraph::kOutputs);
    for (size_t index = 0; index < outputs.size(); ++index) {
      Add(subgraph, outputs[index], std::nullopt, &signature.outputs, &entry.outputs);
    }
    Finish(std::move(signature), std::move(entry), info);
  }

  void AddSignature(const FlatTable& table, ModelInfo* info) {
    using Fields = schema::SignatureDef;
    const auto index = table.Scalar<uint32_t>(Fields::kSubgraphIndex, 0);
    EntryPoint entry = Entry(index);
    SignatureInfo signature;
    signature.key = table.String(Fields::kSignatureKey);
    AddMap(subgraphs_[index], table.Tables(Fields::kInputs), &signature.inputs, &entry.inputs);
    AddMap(subgraphs_[index], table.Tables(Fields::kOutputs), &signature.outputs, &entry.outputs);
    Finish(std::move(signature), std::move(entry), info);
  }

  /// By name, the order in which the runtime itself lists them.
  void AddMap(const FlatTable& subgraph, const FlatTables& map, std::vector<ValueInfo>* values,
              std::vector<TensorSpec>* specs) {
    std::vector<std::pair<std::string, int32_t>> entries;
    for (size_t index = 0; index < map.size(); ++index) {
      const FlatTable entry = map[index];
      entries.emplace_back(entry.String(schema::TensorMap::kName),
                           entry.Scalar<uint32_t>(schema::TensorMap::kTensorIndex, 0));
    }
    std::sort(entries.begin(), entries.end());
    for (const auto& [name, tensor] : entries) Add(subgraph, tensor, name, values, specs);
  }

  void Finish(SignatureInfo signature, EntryPoint entry, ModelInfo* info) {
    MakeNamesUnique("input", &signature.inputs);
    MakeNamesUnique("output", &signature.outputs);
    for (size_t index = 0; index < entry.inputs.size(); ++index) {
      const std::vector<bool>& resizable = entry.inputs[index].resizable;
      const bool any = std::find(resizable.begin(), resizable.end(), true) != resizable.end();
      if (any || signature.inputs[index].unknown_rank) entry.fixed_shapes = false;
    }
    info->signatures.push_back(std::move(signature));
    info->entry_points.push_back(std::move(entry));
  }

  void Add(const FlatTable& subgraph, int32_t tensor_index, std::optional<std::string> name,
           std::vector<ValueInfo>* values, std::vector<TensorSpec>* specs) const {
    using Fields = schema::Tensor;
    ValueInfo value;
    TensorSpec spec;
    if (tensor_index >= 0) {
      const FlatTable tensor =
          subgraph.Tables(schema::SubGraph::kTensors)[static_cast<size_t>(tensor_index)];
      value.name = name ? *name : std::string(tensor.String(Fields::kName));
      value.type = schema::ElementTypeOf(tensor.Scalar<int8_t>(Fields::kType, 0));
      const auto shape = tensor.Vector<int32_t>(Fields::kShape);
      const auto signature = tensor.Vector<int32_t>(Fields::kShapeSignature);
      for (size_t index = 0; index < shape.size(); ++index) {
        const int32_t dim = signature.size() > 0 ? signature[index] : shape[index];
        value.dims.push_back(dim < 0 ? -1 : dim);
        spec.resizable.push_back(dim < 0 || !knows_dynamic_dims_ || resize_inputs_);
      }
      value.unknown_rank =
          knows_rank_ && shape.size() == 0 && tensor.Scalar<uint8_t>(Fields::kHasRank, 0) == 0;
      value.quantization = ReadQuantization(tensor, shape.size());
    }
    if (value.type == ElementType::kUndefined) value.kind = ValueInfo::Kind::kOther;
    value.symbols.resize(value.dims.size());
    spec.name = value.name;
    values->push_back(std::move(value));
    specs->push_back(std::move(spec));
  }

  void AddVariableContent(const FlatTables& tensors, const FlatTable& op, EntryPoint* entry) {
    const FlatTable code = model_.Tables(
        schema::Model::kOperatorCodes)[op.Scalar<uint32_t>(schema::Operator::kOpcodeIndex, 0)];
    const auto builtin = code.Scalar<int32_t>(schema::OperatorCode::kBuiltinCode, 0);
    const bool reads = builtin == schema::kReadVariable;
    if (!reads && builtin != schema::kAssignVariable) return;
    // VerifyVariables has seen that they are there.
    const auto values =
        op.Vector<int32_t>(reads ? schema::Operator::kOutputs : schema::Operator::kInputs);
    const size_t position = reads ? 0 : 1;
    if (values.size() <= position) return;
    const int32_t index = values[position];
    const FlatTable tensor = tensors[static_cast<size_t>(index)];
    const auto signature = tensor.Vector<int32_t>(schema::Tensor::kShapeSignature);
    const auto shape =
        signature.size() > 0 ? signature : tensor.Vector<int32_t>(schema::Tensor::kShape);
    Dims dims;
    for (size_t dim = 0; dim < shape.size(); ++dim) dims.push_back(shape[dim]);
    const auto type = tensor.Scalar<int8_t>(schema::Tensor::kType, 0);
    const std::optional<size_t> bytes = TensorBytes(schema::ElementTypeOf(type), dims);
    if (bytes) entry->variable_contents.emplace_back(index, *bytes);
  }

  EntryPoint Entry(uint32_t subgraph_index) {
    EntryPoint entry;
    entry.subgraph = subgraph_index;
    const FlatTable subgraph = subgraphs_[subgraph_index];
    const FlatTables tensors = subgraph.Tables(schema::SubGraph::kTensors);
    const FlatTables operators = subgraph.Tables(schema::SubGraph::kOperators);
    for (size_t index = 0; index < operators.size(); ++index) {
      AddVariableContent(tensors, operators[index], &entry);
      const auto outputs = operators[index].Vector<int32_t>(schema::Operator::kOutputs);
      for (size_t at = 0; at < outputs.size(); ++at) {
        if (outputs[at] < 0) continue;
        const auto shape =
            tensors[static_cast<size_t>(outputs[at])].Vector<int32_t>(schema::Tensor::kShape);
        bool empty = false;
        for (size_t dim = 0; dim < shape.size(); ++dim) empty |= shape[dim] == 0;
        if (!empty) entry.computed_tensors.push_back(outputs[at]);
      }
    }
    return entry;
  }

  FlatBuffer file_;
  FlatTable model_;
  const bool resize_inputs_;
  FlatTables subgraphs_;
  bool has_variables_ = false;
  bool knows_rank_ = false;
  bool knows_dynamic_dims_ = false;
};

}  // namespace

ModelInfo ReadModelInfo(std::span<const uint8_t> model, bool resize_inputs) {
  return ModelReader(model, resize_inputs).Read();
}

}  // namespace onlite::tflite
