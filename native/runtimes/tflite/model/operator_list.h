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
  int32_t version = 1;
  /// Of a custom operator; in the model's bytes.
  std::span<const uint8_t> custom_options;
  /// Of a depthwise convolution: channels that are made of each one; 0 if it does not say.
  int32_t depth_multiplier = 0;
  /// Subgraphs that it calls.
  std::vector<int64_t> calls;
};

struct DeclaredSubgraph {
  std::string name;
  std::vector<DeclaredTensor> tensors;
  std::vector<int32_t> inputs;
  std::vector<DeclaredOperator> operators;
};

/// Whether a model that VerifyModel has accepted lists a custom operator.
bool ListsCustomOperators(std::span<const uint8_t> model);

/// Subgraphs that are run when one of `from` is: they and what their operators
/// call, by any way round; true at their index.
std::vector<bool> ReachedSubgraphs(const std::vector<DeclaredSubgraph>& subgraphs,
                                   const std::vector<size_t>& from);

/// The subgraphs of a model that VerifyModel has accepted.
std::vector<DeclaredSubgraph> ReadSubgraphs(std::span<const uint8_t> model);

}  // namespace onlite::tflite
