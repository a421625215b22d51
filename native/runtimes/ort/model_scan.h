#pragma once

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "core/status.h"
#include "runtimes/ort/wire.h"

namespace onlite::ort {

/// A tensor of an ONNX model whose data lies in another file.
struct ExternalTensor {
  std::string name;
  std::string location;  // as in the model, "/" separated
  uint64_t offset = 0;
  std::optional<uint64_t> length;
  /// TensorProto.DataType, and the dims; both as in the model.
  int32_t data_type = 0;
  std::vector<int64_t> dims;
  /// Bytes its type and dims call for.
  uint64_t needed = 0;
  /// An initializer of the main graph, not of a subgraph, function or attribute.
  bool main_graph = false;
};

/// What onlite has to know of a model before the runtime sees it.
struct ModelScan {
  std::vector<ExternalTensor> external;
  /// The names of dynamic dims of the graph's inputs.
  std::set<std::string> free_dimensions;
  /// Inputs and outputs that are declared without a shape.
  std::set<std::string> unknown_rank;
  /// Some operator cannot bear every empty tensor (empty_tensors.h).
  bool fatal_operators = false;
};

/// True for a model in ONNX Runtime's own (flatbuffers) format.
bool IsOrtFormat(Bytes model);

/// Walks an encoded ModelProto. kModelInvalid if it cannot be one, or if it
/// describes external data in a way that could be read in two ways.
Status ScanModel(Bytes model, ModelScan* scan);

}  // namespace onlite::ort
