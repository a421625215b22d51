#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/session_info.h"
#include "runtimes/tflite/model/flatbuffer.h"

namespace onlite::tflite {

/// What onlite knows of one input or output beyond its public ValueInfo.
struct TensorSpec {
  /// The name in the signature, or the tensor's own: as the runtime knows it, and
  /// so perhaps blank or another's too, unlike ValueInfo::name.
  std::string name;
  /// Dims that a feed may change. Empty for a tensor whose dims are all free.
  std::vector<bool> resizable;
};

/// An entry point: the primary subgraph, or a signature.
struct EntryPoint {
  uint32_t subgraph = 0;
  std::vector<TensorSpec> inputs;
  std::vector<TensorSpec> outputs;
  /// Tensors that the subgraph's operators write and whose declared shape is
  /// not empty.
  std::vector<int> computed_tensors;
  /// What is assigned to or read from a variable, and the bytes it is declared
  /// with. Without those whose shape is open.
  std::vector<std::pair<int, size_t>> variable_contents;
  /// Every input has one possible shape, the declared one.
  bool fixed_shapes = true;
};

struct ModelInfo {
  /// In step: the public description of an entry point and ours.
  std::vector<SignatureInfo> signatures;
  std::vector<EntryPoint> entry_points;
  ModelMetadata metadata;
  bool has_variables = false;
  size_t subgraph_count = 0;
  /// Of the primary subgraph.
  size_t tensor_count = 0;
};

/// Reads a model that VerifyModel has accepted. With `resize_inputs` a feed may
/// change every dim of an input, whatever the file says of it.
ModelInfo ReadModelInfo(std::span<const uint8_t> model, bool resize_inputs);

}  // namespace onlite::tflite
