#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "runtimes/tflite/model/flatbuffer.h"

namespace onlite::tflite {

/// What the subgraphs' check needs of the whole model.
struct ModelFacts {
  using Buffers = std::vector<std::span<const uint8_t>>;
  /// Constant data, checked to lie in the file; empty for "no data".
  Buffers buffers;
  /// The built-in operator of each operator code.
  std::vector<int32_t> operator_codes;
};

/// What the check of one subgraph leaves for those that follow.
struct SubgraphFacts {
  size_t tensor_count = 0;
  /// Subgraphs that its operators call.
  std::vector<int64_t> calls;
};

/// Tensors, operators, inputs and outputs of one subgraph (verifier.h).
SubgraphFacts VerifySubgraph(FlatBuffer* file, const FlatTable& subgraph, const ModelFacts& model);

}  // namespace onlite::tflite
