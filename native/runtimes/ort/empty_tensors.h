#pragma once

#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/ort/wire.h"
#include "runtimes/run_request.h"
#include "runtimes/session_info.h"

namespace onlite::ort {

/// An input that has a tensor with a dim of 0, by its index in the signature.
struct EmptyFeed {
  size_t index = 0;
  Dims dims;
  /// Of a sequence: which of its items it is.
  std::optional<size_t> item = std::nullopt;
  /// Other items of the sequence have elements.
  bool partly = false;
};

/// What an operator cannot bear. The guard's graph points to it.
struct FatalOperator;

/// True if ONNX Runtime's kernel of the operator is known to end the process, or
/// never to end, on some empty tensor.
bool CannotBearEmptyTensors(std::string_view op_type);

/// Knows which operators of a model an empty feed would end the process in, or
/// hang: ONNX Runtime checks the bounds of its spans by std::terminate, and
/// divides by dims. What an empty feed leads to is followed from value to value,
/// through subgraphs and functions:
///
/// - an operator with an empty input gives empty outputs;
/// - where an input's first dim is 0, an empty batch, nothing stops that;
/// - where only others are, as of a language model's past before the first token,
///   Concat with something that is not empty ends it, and so do Shape and Size;
/// - a sequence is as its items are, and whatever is taken out of it may be any of them.
///
/// Tensors that become empty inside, by their data (NonZero, Compress, Slice),
/// cannot be known before the run.
class EmptyTensorGuard {
 public:
  /// Allows everything.
  EmptyTensorGuard() = default;

  /// Of a model that ScanModel has accepted.
  static EmptyTensorGuard OfOnnx(Bytes model);
  /// Of a model in ONNX Runtime's own format, whose graph is not read: there every
  /// empty feed reaches every operator.
  static EmptyTensorGuard OfOrtFormat(Bytes model);

  /// False if every feed is allowed: nobody need look for empty ones.
  bool watches() const { return graph_ != nullptr || !anywhere_.empty(); }

  /// kUnsupported, naming the last of the feeds and the operator, if these feeds
  /// together are not allowed.
  Status Check(const SignatureInfo& signature, const std::vector<EmptyFeed>& feeds) const;
  Status Check(const SignatureInfo& signature, const RunRequest& request) const {
    return watches() ? CheckRequest(signature, request) : Status::Ok();
  }

  struct Graph;

 private:
  Status CheckRequest(const SignatureInfo& signature, const RunRequest& request) const;
  std::string Reached(const SignatureInfo& signature, const std::vector<EmptyFeed>& feeds) const;

  std::shared_ptr<const Graph> graph_;
  /// The operator that a feed reaches where no graph is known.
  std::string anywhere_;
};

}  // namespace onlite::ort
