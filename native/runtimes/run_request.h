#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "core/cancel_token.h"
#include "core/tensor.h"

/// What a run is asked for, and what it gives.
namespace onlite {

/// One input of a run, by its index in the signature's inputs.
struct RunInput {
  size_t index = 0;
  TensorView tensor;
  /// A sequence: the items are fed, not the tensor.
  bool is_sequence = false;
  std::vector<TensorView> items;
};

/// One requested output of a run, by its index in the signature's outputs.
/// With `into.data` set the result must be written there: the adapter refuses
/// (kTypeMismatch, kShapeMismatch) a result of another type, shape or length, or,
/// if `flexible`, gives such a result in memory of its own. Whatever becomes of
/// the run, `into` may have been written.
struct RunOutput {
  size_t index = 0;
  TensorView into;
  bool flexible = false;
};

struct RunOptions {
  int log_severity = -1;  // -1: the session's
  int log_verbosity = -1;
  std::string tag;
  std::vector<std::pair<std::string, std::string>> config_entries;
  /// Not empty (ONNX Runtime only): the run's profile goes to a file whose path
  /// begins so.
  std::string profile_prefix;
};

struct RunRequest {
  size_t signature = 0;
  std::vector<RunInput> inputs;
  std::vector<RunOutput> outputs;
  RunOptions options;
  /// May be null. Cancelling it makes the run end early with kCancelled.
  CancelToken* cancel = nullptr;
};

/// Nanoseconds of the monotonic clock spent preparing inputs, inside the
/// runtime, and taking the outputs out.
struct RunTimes {
  int64_t bind_ns = 0;
  int64_t invoke_ns = 0;
  int64_t fetch_ns = 0;
};

struct RunResult {
  /// In the order of the request's outputs.
  std::vector<Value> outputs;
  RunTimes times;
};

}  // namespace onlite
