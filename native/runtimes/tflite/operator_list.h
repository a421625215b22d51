#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace onlite::tflite {

/// A tensor as the model's file declares it.
struct DeclaredTensor {
  std::string name;
  /// The file's number (schema::TensorType).
  int8_t type = 0;
  Dims dims;
};

/// An operator as the model's file declares it.
struct DeclaredOperator {
  int32_t builtin_code = 0;
  /// Of a custom operator.
  std::string custom_name;
  /// Tensors of the subgraph; -1 is an optional one left out.
  std::vector<int32_t> inputs;
  std::vector<int32_t> outputs;
};

struct DeclaredSubgraph {
  std::vector<DeclaredTensor> tensors;
  std::vector<DeclaredOperator> operators;
};

/// The subgraphs of a model that VerifyModel has accepted.
std::vector<DeclaredSubgraph> ReadSubgraphs(std::span<const uint8_t> model);

}  // namespace onlite::tflite
