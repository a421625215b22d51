#include "runtimes/tflite/run/empty_tensors.h"

#include <algorithm>
#include <array>
#include <set>
#include <string_view>
#include <utility>

#include "runtimes/tflite/model/operator_names.h"
#include "runtimes/tflite/model/schema.h"
#include "runtimes/tflite/run/tensors.h"

namespace onlite::tflite {
namespace {

/// When an operator bears empty tensors.
enum class When : uint8_t {
  kAlways,
  /// Its kernels abort in broadcasting empty tensors of rank 5 and more.
  kRankUpTo4,
  /// It has one input that is no constant. Shapes, axes and permutations that are
  /// computed may contradict the data that is not there.
  kOneRuntimeInput,
};

struct Bearing {
  std::string_view name;
  When when;
};

using enum When;

/// By name. Each was run with every combination of empty inputs, of the types and
/// ranks that it takes, by the built-in kernels and by XNNPACK of 2.17.1, and
/// never took the process down. What is not here did (softmax, convolutions,
/// matrix products, resizing, mirrored padding), or was not tried.
constexpr std::array<Bearing, 74> kBearing = {{
    {"ABS", kAlways},
    {"ADD", kAlways},
    {"BROADCAST_TO", kOneRuntimeInput},
    {"CAST", kAlways},
    {"CEIL", kAlways},
    {"CONCATENATION", kAlways},
    {"COS", kAlways},
    {"DEQUANTIZE", kAlways},
    {"DIV", kAlways},
    {"ELU", kAlways},
    {"EQUAL", kRankUpTo4},
    {"EXP", kAlways},
    {"EXPAND_DIMS", kOneRuntimeInput},
    {"FLOOR", kAlways},
    {"FLOOR_DIV", kRankUpTo4},
    {"FLOOR_MOD", kRankUpTo4},
    {"GATHER", kAlways},
    {"GELU", kAlways},
    {"GREATER", kRankUpTo4},
    {"GREATER_EQUAL", kRankUpTo4},
    {"HARD_SWISH", kAlways},
    {"IF", kAlways},
    {"LEAKY_RELU", kAlways},
    {"LESS", kRankUpTo4},
    {"LESS_EQUAL", kRankUpTo4},
    {"LOG", kAlways},
    {"LOGICAL_AND", kRankUpTo4},
    {"LOGICAL_NOT", kAlways},
    {"LOGICAL_OR", kRankUpTo4},
    {"LOGISTIC", kAlways},
    {"MAXIMUM", kAlways},
    {"MINIMUM", kAlways},
    {"MUL", kAlways},
    {"NEG", kAlways},
    {"NOT_EQUAL", kRankUpTo4},
    {"PACK", kAlways},
    {"PAD", kOneRuntimeInput},
    {"PADV2", kOneRuntimeInput},
    {"POW", kRankUpTo4},
    {"QUANTIZE", kAlways},
    {"RANK", kAlways},
    {"REDUCE_ALL", kOneRuntimeInput},
    {"REDUCE_ANY", kOneRuntimeInput},
    {"REDUCE_MAX", kOneRuntimeInput},
    {"REDUCE_MIN", kOneRuntimeInput},
    {"REDUCE_PROD", kOneRuntimeInput},
    {"RELU", kAlways},
    {"RELU6", kAlways},
    {"RELU_0_TO_1", kAlways},
    {"RELU_N1_TO_1", kAlways},
    {"RESHAPE", kAlways},
    {"ROUND", kAlways},
    {"RSQRT", kAlways},
    {"SELECT", kRankUpTo4},
    {"SELECT_V2", kRankUpTo4},
    {"SHAPE", kAlways},
    {"SIGN", kAlways},
    {"SIN", kAlways},
    {"SLICE", kOneRuntimeInput},
    {"SPLIT", kOneRuntimeInput},
    {"SPLIT_V", kOneRuntimeInput},
    {"SQRT", kAlways},
    {"SQUARE", kAlways},
    {"SQUARED_DIFFERENCE", kRankUpTo4},
    {"SQUEEZE", kOneRuntimeInput},
    {"STRIDED_SLICE", kOneRuntimeInput},
    {"SUB", kAlways},
    {"SUM", kOneRuntimeInput},
    {"TANH", kAlways},
    {"TILE", kOneRuntimeInput},
    {"TRANSPOSE", kOneRuntimeInput},
    {"WHERE", kAlways},
    {"WHILE", kAlways},
    {"ZEROS_LIKE", kAlways},
}};

class Search {
 public:
  Search(const Api& api, const std::vector<DeclaredSubgraph>& subgraphs, const TensorLookup& tensor)
      : api_(api), subgraphs_(subgraphs), tensor_(tensor) {}

  /// `unsure`: the inputs may be empty, whatever shapes are seen.
  void Visit(size_t index, const std::vector<bool>& empty_inputs, bool unsure) {
    if (index >= subgraphs_.size() || !visited_.emplace(index, unsure).second) return;
    const DeclaredSubgraph& subgraph = subgraphs_[index];
    std::vector<State> states = Look(index, subgraph);
    for (size_t at = 0; at < subgraph.inputs.size(); ++at) {
      const int32_t input = subgraph.inputs[at];
      if (input < 0) continue;
      State& state = states[static_cast<size_t>(input)];
      if (unsure || (at < empty_inputs.size() && empty_inputs[at])) state.empty = true;
    }
    for (size_t at = 0; at < subgraph.operators.size(); ++at) {
      Step(index, at, unsure, &states);
    }
  }

  EmptyTensors Take() { return std::move(found_); }

 private:
  struct State {
    bool empty = false;
    /// Its shape is not known before the model runs.
    bool open = false;
    bool constant = false;
    Dims dims;
  };

  std::vector<State> Look(size_t index, const DeclaredSubgraph& subgraph) {
    std::vector<State> states(subgraph.tensors.size());
    for (size_t at = 0; at < states.size(); ++at) {
      State& state = states[at];
      const TfLiteTensor* tensor = tensor_(index, at);
      state.open = tensor == nullptr || IsAllocated(api_, tensor, ApiAllocationType::kDynamic);
      state.constant = !state.open && IsAllocated(api_, tensor, ApiAllocationType::kMmapReadOnly);
      if (state.open || state.constant) continue;
      const int32_t rank = api_.TensorNumDims(tensor);
      for (int32_t dim = 0; dim < rank; ++dim) {
        state.dims.push_back(api_.TensorDim(tensor, dim));
        found_.negative |= state.dims.back() < 0;
      }
      state.empty = IsEmpty(state.dims);
    }
    return states;
  }

  void Step(size_t index, size_t at, bool unsure, std::vector<State>* states) {
    const DeclaredOperator& declared = subgraphs_[index].operators[at];
    bool reads = false;
    bool unsure_of_call = false;
    int32_t which = -1;
    for (const int32_t input : declared.inputs) {
      if (input < 0) continue;
      const State& state = (*states)[static_cast<size_t>(input)];
      if (!state.empty) continue;
      reads = true;
      unsure_of_call |= unsure || state.open;
      which = input;
    }
    for (const int32_t output : declared.outputs) {
      if (output < 0) continue;
      State& state = (*states)[static_cast<size_t>(output)];
      if (reads && (state.open || unsure)) state.empty = true;
      if (state.empty) which = output;
    }
    for (const int64_t called : declared.calls) {
      Visit(static_cast<size_t>(called), {}, unsure_of_call);
    }
    if (which < 0) return;
    if (found_.unsafe.empty() && !Bears(index, declared, *states)) {
      Blame(index, at, which, (*states)[static_cast<size_t>(which)]);
    }
  }

  bool Bears(size_t index, const DeclaredOperator& declared,
             const std::vector<State>& states) const {
    if (declared.builtin_code == schema::kCustom) return false;
    const std::string name = BuiltinOperatorName(declared.builtin_code);
    const auto* const known = std::lower_bound(
        kBearing.begin(), kBearing.end(), name,
        [](const Bearing& one, const std::string& searched) { return one.name < searched; });
    if (known == kBearing.end() || known->name != name) return false;
    if (known->when == kAlways) return true;
    constexpr size_t kMostDims = 4;
    size_t runtime_inputs = 0;
    for (const int32_t input : declared.inputs) {
      if (input < 0) continue;
      const auto at = static_cast<size_t>(input);
      runtime_inputs += states[at].constant ? 0 : 1;
      const size_t rank =
          std::max(states[at].dims.size(), subgraphs_[index].tensors[at].dims.size());
      if (known->when == kRankUpTo4 && rank > kMostDims) return false;
    }
    return known->when == kRankUpTo4 || runtime_inputs <= 1;
  }

  void Blame(size_t index, size_t at, int32_t which, const State& state) {
    const DeclaredTensor& tensor = subgraphs_[index].tensors[static_cast<size_t>(which)];
    found_.unsafe = OperatorPath(index, at) + ": " + OperatorName(subgraphs_[index].operators[at]) +
                    ": tensor " + tensor.name +
                    (state.dims.empty() ? "" : " " + DimsToString(state.dims)) + " has no elements";
    found_.shrunk = !IsEmpty(tensor.dims);
  }

  const Api& api_;
  const std::vector<DeclaredSubgraph>& subgraphs_;
  const TensorLookup& tensor_;
  std::set<std::pair<size_t, bool>> visited_;
  EmptyTensors found_;
};

}  // namespace

EmptyTensors FindEmptyTensors(const Api& api, const std::vector<DeclaredSubgraph>& subgraphs,
                              size_t entry, const std::vector<bool>& empty_inputs,
                              const TensorLookup& tensor) {
  Search search(api, subgraphs, tensor);
  search.Visit(entry, empty_inputs, false);
  return search.Take();
}

}  // namespace onlite::tflite
