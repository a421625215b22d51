#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "runtimes/tflite/api.h"
#include "runtimes/tflite/model/operator_list.h"

namespace onlite::tflite {

/// What running a subgraph would do to tensors that have no elements.
struct EmptyTensors {
  /// The first operator that reads or writes one and is not known to bear it (tried
  /// with TensorFlow Lite 2.17.1),
  /// with the tensor: "subgraphs[0].operators[3]: SOFTMAX: y [2,0]". Empty if all
  /// bear it.
  std::string unsafe;
  /// That tensor has elements where the file declares its shape.
  bool shrunk = false;
  /// A dim of some tensor came out below zero.
  bool negative = false;
};

/// A tensor of an allocated interpreter by subgraph and index, null if it cannot
/// be seen.
using TensorLookup = std::function<const TfLiteTensor*(size_t subgraph, size_t index)>;

/// Goes through what is run when `entry` is. Constants are not looked at: kernels
/// treat those alike in every run. A tensor that gets its shape only while the
/// model runs, or that cannot be seen, may be empty if something that it is made
/// from is. `empty_inputs`: of the entry's inputs, those that are fed none.
EmptyTensors FindEmptyTensors(const Api& api, const std::vector<DeclaredSubgraph>& subgraphs,
                              size_t entry, const std::vector<bool>& empty_inputs,
                              const TensorLookup& tensor);

}  // namespace onlite::tflite
