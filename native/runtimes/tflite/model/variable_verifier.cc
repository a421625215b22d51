#include "runtimes/tflite/model/variable_verifier.h"

#include <algorithm>
#include <cstddef>
#include <map>
#include <numeric>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "core/tensor.h"
#include "runtimes/tflite/model/operator_options.h"
#include "runtimes/tflite/model/schema.h"

namespace onlite::tflite {
namespace {

using Scope = FlatBuffer::Scope;
using TensorIndices = FlatVector<int32_t>;

/// What a tensor that is assigned or read says of its variable.
struct Content {
  int8_t type = 0;
  /// -1 where the file leaves a dim open.
  Dims dims;

  bool fixed() const { return std::find(dims.begin(), dims.end(), -1) == dims.end(); }
};

Content ContentOf(const FlatTable& tensor) {
  Content content;
  content.type = tensor.Scalar<int8_t>(schema::Tensor::kType, 0);
  const auto shape = tensor.Vector<int32_t>(schema::Tensor::kShape);
  const auto signature = tensor.Vector<int32_t>(schema::Tensor::kShapeSignature);
  for (size_t index = 0; index < shape.size(); ++index) {
    content.dims.push_back(signature.size() > 0 ? signature[index] : shape[index]);
  }
  return content;
}

/// Handles that may be the same variable's are one set, by union-find over all
/// tensors of all subgraphs. That is coarser than what happens when a loop swaps
/// two handles, which nothing makes.
class VariableVerifier {
 public:
  VariableVerifier(FlatBuffer* file, const FlatTable& model,
                   const std::vector<int32_t>& operator_codes)
      : file_(file),
        subgraphs_(model.Tables(schema::Model::kSubgraphs)),
        operator_codes_(operator_codes) {}

  void Verify() {
    size_t count = 0;
    for (size_t index = 0; index < subgraphs_.size(); ++index) {
      first_tensor_.push_back(count);
      count += subgraphs_[index].Tables(schema::SubGraph::kTensors).size();
    }
    parents_.resize(count);
    std::iota(parents_.begin(), parents_.end(), size_t{0});
    ForEachOperator(&VariableVerifier::Connect);
    for (const auto& [name, id] : handles_) {
      names_.emplace(Find(id), '"' + std::string(name.first) + (name.first.empty() ? "" : "/") +
                                   std::string(name.second) + '"');
    }
    ForEachOperator(&VariableVerifier::Use);
    for (const auto& [handle, variable] : variables_) VerifyReads(handle, variable);
  }

 private:
  /// What all operators on one variable say of it. `any` may have open dims.
  struct Variable {
    std::optional<Content> any;
    std::optional<Content> fixed_read;
    bool is_assigned_open = false;
  };

  void ForEachOperator(void (VariableVerifier::*visit)(size_t, const FlatTable&, int32_t)) {
    for (size_t subgraph = 0; subgraph < subgraphs_.size(); ++subgraph) {
      const Scope scope(file_, "subgraphs", subgraph);
      const FlatTables operators = subgraphs_[subgraph].Tables(schema::SubGraph::kOperators);
      for (size_t index = 0; index < operators.size() && file_->ok(); ++index) {
        const Scope operator_scope(file_, "operators", index);
        const FlatTable op = operators[index];
        const auto code = op.Scalar<uint32_t>(schema::Operator::kOpcodeIndex, 0);
        (this->*visit)(subgraph, op, operator_codes_[code]);
      }
    }
  }

  static TensorIndices InputsOf(const FlatTable& op) {
    return op.Vector<int32_t>(schema::Operator::kInputs);
  }
  static TensorIndices OutputsOf(const FlatTable& op) {
    return op.Vector<int32_t>(schema::Operator::kOutputs);
  }

  size_t Id(size_t subgraph, int32_t tensor) const {
    return first_tensor_[subgraph] + static_cast<size_t>(tensor);
  }

  size_t Find(size_t id) {
    while (parents_[id] != id) {
      parents_[id] = parents_[parents_[id]];
      id = parents_[id];
    }
    return id;
  }

  void Join(size_t a, size_t b) { parents_[Find(a)] = Find(b); }

  void JoinAll(size_t subgraph, const TensorIndices& tensors, size_t first, size_t other_subgraph,
               const TensorIndices& others) {
    for (size_t index = 0; index + first < tensors.size() && index < others.size(); ++index) {
      const int32_t tensor = tensors[index + first];
      if (tensor < 0 || others[index] < 0 || !IsResource(subgraph, tensor)) continue;
      Join(Id(subgraph, tensor), Id(other_subgraph, others[index]));
    }
  }

  FlatTable TensorAt(size_t subgraph, int32_t tensor) const {
    return subgraphs_[subgraph].Tables(schema::SubGraph::kTensors)[static_cast<size_t>(tensor)];
  }

  bool IsResource(size_t subgraph, int32_t tensor) const {
    return TensorAt(subgraph, tensor).Scalar<int8_t>(schema::Tensor::kType, 0) == schema::kResource;
  }

  /// Handles with one name, and handles that a called subgraph gets or gives.
  void Connect(size_t subgraph, const FlatTable& op, int32_t code) {
    const TensorIndices outputs = OutputsOf(op);
    if (code == schema::kVarHandle) {
      if (outputs.size() == 0 || outputs[0] < 0) return file_->Fail("a VAR_HANDLE without output");
      const FlatTable options = op.Table(schema::Operator::kBuiltinOptions);
      const std::pair<std::string_view, std::string_view> name(
          options.String(schema::VarHandleOptions::kContainer),
          options.String(schema::VarHandleOptions::kSharedName));
      const size_t id = Id(subgraph, outputs[0]);
      const auto [known, is_new] = handles_.emplace(name, id);
      if (!is_new) Join(id, known->second);
      return;
    }
    std::vector<int64_t> calls;
    VerifyOperatorOptions(file_, op, code, &calls);
    for (const int64_t call : calls) {
      const auto called = static_cast<size_t>(call);
      const FlatTable callee = subgraphs_[called];
      // IF has its condition before what it hands on.
      const size_t first = code == schema::kIf ? 1 : 0;
      JoinAll(subgraph, InputsOf(op), first, called,
              callee.Vector<int32_t>(schema::SubGraph::kInputs));
      JoinAll(subgraph, outputs, 0, called, callee.Vector<int32_t>(schema::SubGraph::kOutputs));
    }
    // What a loop hands from round to round.
    if (code == schema::kWhile) JoinAll(subgraph, InputsOf(op), 0, subgraph, outputs);
  }

  void Use(size_t subgraph, const FlatTable& op, int32_t code) {
    if (code != schema::kReadVariable && code != schema::kAssignVariable) return;
    const bool reads = code == schema::kReadVariable;
    const TensorIndices inputs = InputsOf(op);
    const TensorIndices values = reads ? OutputsOf(op) : inputs;
    const size_t position = reads ? 0 : 1;
    if (inputs.size() == 0 || inputs[0] < 0 || values.size() <= position || values[position] < 0) {
      return file_->Fail("a variable's operator without its tensors");
    }
    const size_t handle = Find(Id(subgraph, inputs[0]));
    if (!names_.contains(handle)) return file_->Fail("a handle that is no variable's");
    const Content content = ContentOf(TensorAt(subgraph, values[position]));
    Variable& variable = variables_[handle];
    if (!variable.any) variable.any = content;
    if (!Agree(*variable.any, content)) return Differ(handle);
    // The more that is known of the dims, the more the others are held to.
    for (size_t dim = 0; dim < content.dims.size(); ++dim) {
      if (variable.any->dims[dim] < 0) variable.any->dims[dim] = content.dims[dim];
    }
    if (reads && content.fixed()) variable.fixed_read = content;
    if (!reads && !content.fixed()) variable.is_assigned_open = true;
  }

  static bool Agree(const Content& a, const Content& b) {
    if (a.type != b.type || a.dims.size() != b.dims.size()) return false;
    for (size_t dim = 0; dim < a.dims.size(); ++dim) {
      if (a.dims[dim] >= 0 && b.dims[dim] >= 0 && a.dims[dim] != b.dims[dim]) return false;
    }
    return true;
  }

  void VerifyReads(size_t handle, const Variable& variable) {
    if (file_->ok() && variable.fixed_read && variable.is_assigned_open) Differ(handle);
  }

  void Differ(size_t handle) {
    file_->Fail("the variable " + names_[handle] +
                " is assigned and read with different types or shapes");
  }

  FlatBuffer* file_;
  const FlatTables subgraphs_;
  const std::vector<int32_t>& operator_codes_;
  /// The id of each subgraph's first tensor.
  std::vector<size_t> first_tensor_;
  std::vector<size_t> parents_;
  std::map<std::pair<std::string_view, std::string_view>, size_t> handles_;
  /// By set: what messages call the variable, and what is known of it.
  std::map<size_t, std::string> names_;
  std::map<size_t, Variable> variables_;
};

}  // namespace

void VerifyVariables(FlatBuffer* file, const FlatTable& model,
                     const std::vector<int32_t>& operator_codes) {
  VariableVerifier(file, model, operator_codes).Verify();
}

}  // namespace onlite::tflite
