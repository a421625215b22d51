#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "core/dtype.h"
#include "core/tensor.h"

/// What is known of a loaded model: its inputs, outputs and metadata.
namespace onlite {

enum class Engine : uint8_t { kOnnxRuntime, kTfLite };

/// real = scale * (quantized - zero_point). One entry per tensor, or one per
/// index of dimension `axis`.
struct Quantization {
  std::vector<float> scale;
  std::vector<int64_t> zero_point;
  std::optional<int> axis;
};

/// One input or output of a model.
struct ValueInfo {
  enum class Kind : uint8_t { kTensor, kSequence, kMap, kOther };

  std::string name;
  Kind kind = Kind::kTensor;
  /// A tensor's element type and shape. A dynamic dim is -1 and has its
  /// symbolic name, if any, at the same index of `symbols` (same length as dims).
  ElementType type = ElementType::kUndefined;
  Dims dims;
  std::vector<std::string> symbols;
  /// The element type of a sequence of tensors; kUndefined of other sequences.
  ElementType item_type = ElementType::kUndefined;
  bool unknown_rank = false;
  /// A feed may leave this input out.
  bool optional = false;
  /// An initializer of an ONNX graph that a feed may replace; not one of the
  /// model's inputs proper, and always optional.
  bool overridable_initializer = false;
  std::optional<Quantization> quantization;
};

/// "tensor", "sequence", "map" or "other".
inline const char* KindName(ValueInfo::Kind kind) {
  switch (kind) {
    case ValueInfo::Kind::kTensor: return "tensor";
    case ValueInfo::Kind::kSequence: return "sequence";
    case ValueInfo::Kind::kMap: return "map";
    case ValueInfo::Kind::kOther: break;
  }
  return "other";
}

/// A named entry point. The first signature of a session is the primary one
/// and has an empty key; its inputs and outputs are the graph's (ONNX) or the
/// primary subgraph's (TFLite).
struct SignatureInfo {
  std::string key;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
};

struct ModelMetadata {
  std::string producer;
  std::string graph_name;
  std::string domain;
  std::string description;
  int64_t version = 0;
  std::map<std::string, std::string> custom;
};

struct SessionInfo {
  Engine engine = Engine::kOnnxRuntime;
  /// The providers the session was created with, in order, public names.
  std::vector<std::string> providers;
  /// [0] is the primary signature.
  std::vector<SignatureInfo> signatures;
  ModelMetadata metadata;
  bool has_variables = false;
  /// Runs that may be in flight at once.
  size_t concurrency = 1;
  /// Any number of threads may run it beside those, as the JS thread does.
  bool reentrant = false;
  /// A binding's runs are captured once and replayed from then on: there is one binding at a time.
  bool captures_graphs = false;
  /// Its runs take turns with those of other such sessions, and are kBusy beside one if
  /// they cannot be cancelled.
  bool takes_turns = false;
};

}  // namespace onlite
