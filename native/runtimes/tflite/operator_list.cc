#include "runtimes/tflite/operator_list.h"

#include <algorithm>
#include <utility>

#include "runtimes/tflite/flatbuffer.h"
#include "runtimes/tflite/schema.h"

namespace onlite::tflite {
namespace {

std::vector<int32_t> ToVector(const FlatVector<int32_t>& values) {
  std::vector<int32_t> copy;
  copy.reserve(values.size());
  for (size_t index = 0; index < values.size(); ++index) copy.push_back(values[index]);
  return copy;
}

DeclaredTensor ReadTensor(const FlatTable& table) {
  DeclaredTensor tensor;
  tensor.name = table.String(schema::Tensor::kName);
  tensor.type = table.Scalar<int8_t>(schema::Tensor::kType, 0);
  const auto shape = table.Vector<int32_t>(schema::Tensor::kShape);
  for (size_t index = 0; index < shape.size(); ++index) tensor.dims.push_back(shape[index]);
  return tensor;
}

DeclaredOperator ReadOperator(const FlatTable& table, const FlatTables& codes) {
  DeclaredOperator result;
  const FlatTable code = codes[table.Scalar<uint32_t>(schema::Operator::kOpcodeIndex, 0)];
  // Codes up to 126 are in the old byte field, later ones in the new one.
  result.builtin_code =
      std::max<int32_t>(code.Scalar<int8_t>(schema::OperatorCode::kDeprecatedBuiltinCode, 0),
                        code.Scalar<int32_t>(schema::OperatorCode::kBuiltinCode, 0));
  if (result.builtin_code == schema::kCustom) {
    result.custom_name = code.String(schema::OperatorCode::kCustomCode);
  }
  result.inputs = ToVector(table.Vector<int32_t>(schema::Operator::kInputs));
  result.outputs = ToVector(table.Vector<int32_t>(schema::Operator::kOutputs));
  return result;
}

}  // namespace

std::vector<DeclaredSubgraph> ReadSubgraphs(std::span<const uint8_t> model) {
  FlatBuffer file(model);
  const FlatTable root = file.Root(schema::kModelIdentifier);
  const FlatTables codes = root.Tables(schema::Model::kOperatorCodes);
  const FlatTables subgraphs = root.Tables(schema::Model::kSubgraphs);
  std::vector<DeclaredSubgraph> result;
  for (size_t index = 0; index < subgraphs.size(); ++index) {
    const FlatTable table = subgraphs[index];
    DeclaredSubgraph subgraph;
    const FlatTables tensors = table.Tables(schema::SubGraph::kTensors);
    for (size_t at = 0; at < tensors.size(); ++at) {
      subgraph.tensors.push_back(ReadTensor(tensors[at]));
    }
    const FlatTables operators = table.Tables(schema::SubGraph::kOperators);
    for (size_t at = 0; at < operators.size(); ++at) {
      subgraph.operators.push_back(ReadOperator(operators[at], codes));
    }
    result.push_back(std::move(subgraph));
  }
  return result;
}

}  // namespace onlite::tflite
