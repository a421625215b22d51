#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "core/tensor.h"

namespace onlite {

/// A tensor of an operator in a profile.
struct ProfiledTensor {
  /// The type's number in the model's file.
  int type = 0;
  Dims dims;
  size_t bytes = 0;
};

/// One operator of a profile (TensorFlow Lite): one of the model's own, run by a
/// built-in kernel or taken by the delegate, or one of the delegate's.
struct ProfiledOperator {
  /// Of the model's operators: the builtin code, a custom operator's name, the
  /// first output's name and the tensors; -1 and empty for the delegate's.
  int32_t builtin_code = -1;
  std::string custom_name;
  std::string output_name;
  std::vector<ProfiledTensor> inputs;
  std::vector<ProfiledTensor> outputs;
  /// What ran it calls it; empty for a partition of the delegate as a whole.
  std::string kernel;
  int64_t subgraph = 0;
  /// The delegate's partition in the subgraph; -1 for the model's operators.
  int64_t partition = -1;
  /// In the subgraph or the partition; -1 for a partition as a whole.
  int64_t index = -1;
  uint64_t count = 0;
  /// Without the operators of subgraphs that it calls; of a partition as a whole
  /// what its operators do not account for.
  int64_t nanoseconds = 0;
};

struct OperatorProfile {
  int64_t total_ns = 0;
  std::vector<ProfiledOperator> operators;
  /// Operators of the model, in the subgraphs that ran, that the delegate took.
  std::vector<ProfiledOperator> delegated;
};

}  // namespace onlite
