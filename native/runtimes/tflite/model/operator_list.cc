#include "runtimes/tflite/model/operator_list.h"

#include <algorithm>
#include <utility>

#include "runtimes/tflite/model/flatbuffer.h"
#include "runtimes/tflite/model/operator_options.h"
#include "runtimes/tflite/model/schema.h"

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

// Codes up to 126 are in the old byte field, later ones in the new one.
int32_t BuiltinCode(const FlatTable& code) {
  return std::max<int32_t>(code.Scalar<int8_t>(schema::OperatorCode::kDeprecatedBuiltinCode, 0),
                           code.Scalar<int32_t>(schema::OperatorCode::kBuiltinCode, 0));
}

DeclaredOperator ReadOperator(FlatBuffer* file, const FlatTable& table, const FlatTables& codes) {
  DeclaredOperator result;
  const FlatTable code = codes[table.Scalar<uint32_t>(schema::Operator::kOpcodeIndex, 0)];
  result.builtin_code = BuiltinCode(code);
  if (result.builtin_code == schema::kCustom) {
    result.custom_name = code.String(schema::OperatorCode::kCustomCode);
    const auto options = table.Vector<uint8_t>(schema::Operator::kCustomOptions);
    result.custom_options = {options.data(), options.size()};
  }
  if (result.builtin_code == schema::kDepthwiseConv2d) {
    result.depth_multiplier =
        table.Table(schema::Operator::kBuiltinOptions)
            .Scalar<int32_t>(schema::DepthwiseConv2DOptions::kDepthMultiplier, 0);
  }
  result.version = code.Scalar<int32_t>(schema::OperatorCode::kVersion, 1);
  VerifyOperatorOptions(file, table, result.builtin_code, &result.calls);
  result.inputs = ToVector(table.Vector<int32_t>(schema::Operator::kInputs));
  result.outputs = ToVector(table.Vector<int32_t>(schema::Operator::kOutputs));
  return result;
}

}  // namespace

bool ListsCustomOperators(std::span<const uint8_t> model) {
  FlatBuffer file(model);
  const FlatTables codes =
      file.Root(schema::kModelIdentifier).Tables(schema::Model::kOperatorCodes);
  for (size_t index = 0; index < codes.size(); ++index) {
    if (BuiltinCode(codes[index]) == schema::kCustom) return true;
  }
  return false;
}

std::vector<bool> ReachedSubgraphs(const std::vector<DeclaredSubgraph>& subgraphs,
                                   const std::vector<size_t>& from) {
  std::vector<bool> reached(subgraphs.size());
  std::vector<size_t> waiting = from;
  while (!waiting.empty()) {
    const size_t index = waiting.back();
    waiting.pop_back();
    if (index >= subgraphs.size() || reached[index]) continue;
    reached[index] = true;
    for (const DeclaredOperator& declared : subgraphs[index].operators) {
      for (const int64_t called : declared.calls) waiting.push_back(static_cast<size_t>(called));
    }
  }
  return reached;
}

std::vector<DeclaredSubgraph> ReadSubgraphs(std::span<const uint8_t> model) {
  FlatBuffer file(model);
  const FlatTable root = file.Root(schema::kModelIdentifier);
  const FlatTables codes = root.Tables(schema::Model::kOperatorCodes);
  const FlatTables subgraphs = root.Tables(schema::Model::kSubgraphs);
  std::vector<DeclaredSubgraph> result;
  for (size_t index = 0; index < subgraphs.size(); ++index) {
    const FlatTable table = subgraphs[index];
    DeclaredSubgraph subgraph;
    subgraph.name = table.String(schema::SubGraph::kName);
    subgraph.inputs = ToVector(table.Vector<int32_t>(schema::SubGraph::kInputs));
    const FlatTables tensors = table.Tables(schema::SubGraph::kTensors);
    for (size_t at = 0; at < tensors.size(); ++at) {
      subgraph.tensors.push_back(ReadTensor(tensors[at]));
    }
    const FlatTables operators = table.Tables(schema::SubGraph::kOperators);
    for (size_t at = 0; at < operators.size(); ++at) {
      subgraph.operators.push_back(ReadOperator(&file, operators[at], codes));
    }
    result.push_back(std::move(subgraph));
  }
  return result;
}

}  // namespace onlite::tflite
