#include "runtimes/tflite/model/subgraph_verifier.h"

#include <array>
#include <bitset>
#include <utility>

#include "runtimes/tflite/model/operator_options.h"
#include "runtimes/tflite/model/schema.h"
#include "runtimes/tflite/model/tensor_verifier.h"

namespace onlite::tflite {
namespace {

using Scope = FlatBuffer::Scope;

/// An operator input that is left out.
constexpr int32_t kOptionalTensor = -1;

/// The first input of an operator that may be left out; SIZE_MAX if none may.
/// The delegate and many kernels index the tensors with whatever the file says,
/// so -1 is refused wherever they do not look for it.
size_t FirstOptionalInput(int32_t code) {
  switch (code) {
    case schema::kConv2d:
    case schema::kDepthwiseConv2d:
    case schema::kFullyConnected:
    case schema::kConv3d:
    case schema::kLshProjection: return 2;
    case schema::kTransposeConv:
    case schema::kConv3dTranspose:
    case schema::kSvdf: return 3;
    case schema::kRnn:
    case schema::kLstm:
    case schema::kUnidirectionalSequenceRnn:
    case schema::kUnidirectionalSequenceLstm:
    case schema::kBidirectionalSequenceRnn:
    case schema::kBidirectionalSequenceLstm: return 1;
    case schema::kCustom: return 0;
    default: return code >= schema::kFirstStablehlo ? 1 : SIZE_MAX;
  }
}

/// Inputs without which a kernel reads through a null pointer, though the runtime
/// takes the operator: the first of each row has to be there for the others to be
/// needed, which are then needed together. Ends with -1.
struct NeededInputs {
  int32_t code;
  std::array<int32_t, 3> inputs;
};

/// More than the highest of them.
constexpr size_t kMostNeededInputs = 32;

/// The depthwise kernels read the bias; an LSTM with an input gate (its weights are
/// there) reads the gate's recurrent weights and bias.
constexpr std::array kNeededInputs{
    NeededInputs{schema::kDepthwiseConv2d, {0, 2, -1}},
    NeededInputs{schema::kLstm, {1, 5, 12}},
    NeededInputs{schema::kUnidirectionalSequenceLstm, {1, 5, 12}},
    NeededInputs{schema::kBidirectionalSequenceLstm, {1, 5, 12}},
    NeededInputs{schema::kBidirectionalSequenceLstm, {18, 22, 29}},
};

/// Walks a subgraph in execution order and knows which tensors have a value.
class SubgraphVerifier {
 public:
  SubgraphVerifier(FlatBuffer* file, const FlatTable& subgraph, const ModelFacts& model)
      : file_(file), subgraph_(subgraph), model_(model) {}

  SubgraphFacts Verify() {
    VerifyTensors();
    VerifyInputs();
    VerifyOperators();
    VerifyOutputs();
    subgraph_.String(schema::SubGraph::kName);
    facts_.tensor_count = tensors_.size();
    return std::move(facts_);
  }

 private:
  struct TensorState {
    bool constant = false;
    bool has_value = false;
  };

  void VerifyTensors() {
    const FlatTables tensors = subgraph_.Tables(schema::SubGraph::kTensors);
    if (!tensors.present()) file_->Fail("tensors: missing");
    if (!file_->Spend(tensors.size())) return;
    tensors_.reserve(tensors.size());
    for (size_t index = 0; index < tensors.size() && file_->ok(); ++index) {
      const Scope scope(file_, "tensors", index);
      const TensorFacts tensor = VerifyTensor(file_, tensors[index], model_.buffers);
      tensors_.push_back({tensor.constant, tensor.constant || tensor.variable || tensor.empty});
    }
  }

  bool IsTensor(int32_t index) const {
    return index >= 0 && static_cast<size_t>(index) < tensors_.size();
  }

  void VerifyInputs() {
    const Scope scope(file_, "inputs");
    const auto inputs = subgraph_.Vector<int32_t>(schema::SubGraph::kInputs);
    if (!file_->Spend(inputs.size())) return;
    for (size_t index = 0; index < inputs.size(); ++index) {
      // An input may be left out in subgraphs that control flow calls.
      if (inputs[index] == kOptionalTensor) continue;
      if (!IsTensor(inputs[index])) return file_->Fail("no such tensor");
      TensorState& tensor = tensors_[static_cast<size_t>(inputs[index])];
      if (tensor.constant) return file_->Fail("a constant as an input");
      tensor.has_value = true;
    }
  }

  void VerifyOutputs() {
    const Scope scope(file_, "outputs");
    const auto outputs = subgraph_.Vector<int32_t>(schema::SubGraph::kOutputs);
    if (!file_->Spend(outputs.size())) return;
    for (size_t index = 0; index < outputs.size() && file_->ok(); ++index) {
      if (!IsTensor(outputs[index])) return file_->Fail("no such tensor");
      if (!tensors_[static_cast<size_t>(outputs[index])].has_value) {
        return file_->Fail("a tensor that nothing writes");
      }
    }
  }

  void VerifyOperators() {
    const FlatTables operators = subgraph_.Tables(schema::SubGraph::kOperators);
    for (size_t index = 0; index < operators.size() && file_->ok(); ++index) {
      const Scope scope(file_, "operators", index);
      VerifyOperator(operators[index]);
    }
  }

  void VerifyOperator(const FlatTable& op) {
    const auto code_index = op.Scalar<uint32_t>(schema::Operator::kOpcodeIndex, 0);
    if (code_index >= model_.operator_codes.size()) return file_->Fail("no such operator code");
    const int32_t code = model_.operator_codes[code_index];
    VerifyOperatorInputs(op, code);
    VerifyOperatorOutputs(op, code);
    VerifyIntermediates(op);
    op.Vector<uint8_t>(schema::Operator::kMutatingVariableInputs);
    op.Vector<uint8_t>(schema::Operator::kCustomOptions);
    const auto offset = op.Scalar<uint64_t>(schema::Operator::kLargeCustomOptionsOffset, 0);
    const auto size = op.Scalar<uint64_t>(schema::Operator::kLargeCustomOptionsSize, 0);
    if (offset > 1 && !file_->Contains(offset, size)) {
      return file_->Fail("custom options outside the file");
    }
    VerifyOperatorOptions(file_, op, code, &facts_.calls);
  }

  void VerifyOperatorInputs(const FlatTable& op, int32_t code) {
    const Scope scope(file_, "inputs");
    const auto inputs = op.Vector<int32_t>(schema::Operator::kInputs);
    if (!file_->Spend(inputs.size())) return;
    const size_t optional = FirstOptionalInput(code);
    std::bitset<kMostNeededInputs> present;
    for (size_t index = 0; index < inputs.size(); ++index) {
      if (inputs[index] == kOptionalTensor && index >= optional) continue;
      if (!IsTensor(inputs[index])) return file_->Fail("no such tensor");
      // The runtime gives memory only to tensors that something has written.
      if (!tensors_[static_cast<size_t>(inputs[index])].has_value) {
        return file_->Fail("a tensor that nothing has written yet");
      }
      if (index < present.size()) present.set(index);
    }
    const auto has = [&present](int32_t input) { return present.test(static_cast<size_t>(input)); };
    for (const NeededInputs& needed : kNeededInputs) {
      if (needed.code != code || !has(needed.inputs[0])) continue;
      for (const int32_t input : needed.inputs) {
        if (input >= 0 && !has(input)) {
          return file_->Fail("an input is missing that TensorFlow Lite reads");
        }
      }
    }
  }

  void VerifyOperatorOutputs(const FlatTable& op, int32_t code) {
    const Scope scope(file_, "outputs");
    const auto outputs = op.Vector<int32_t>(schema::Operator::kOutputs);
    if (!file_->Spend(outputs.size())) return;
    for (size_t index = 0; index < outputs.size(); ++index) {
      const bool may_lack = code == schema::kCustom || code >= schema::kFirstStablehlo;
      if (outputs[index] == kOptionalTensor && may_lack) continue;
      if (!IsTensor(outputs[index])) return file_->Fail("no such tensor");
      TensorState& tensor = tensors_[static_cast<size_t>(outputs[index])];
      if (tensor.constant) return file_->Fail("a constant as an output");
      tensor.has_value = true;
    }
  }

  void VerifyIntermediates(const FlatTable& op) {
    const Scope scope(file_, "intermediates");
    const auto intermediates = op.Vector<int32_t>(schema::Operator::kIntermediates);
    if (!file_->Spend(intermediates.size())) return;
    for (size_t index = 0; index < intermediates.size(); ++index) {
      if (intermediates[index] != kOptionalTensor && !IsTensor(intermediates[index])) {
        return file_->Fail("no such tensor");
      }
    }
  }

  FlatBuffer* file_;
  const FlatTable& subgraph_;
  const ModelFacts& model_;
  std::vector<TensorState> tensors_;
  SubgraphFacts facts_;
};

}  // namespace

SubgraphFacts VerifySubgraph(FlatBuffer* file, const FlatTable& subgraph, const ModelFacts& model) {
  return SubgraphVerifier(file, subgraph, model).Verify();
}

}  // namespace onlite::tflite
