#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/cancel_token.h"

namespace onlite {

struct ProviderRequest {
  std::string name;  // public name, lower case
  std::vector<std::pair<std::string, std::string>> options;
  /// Of RuntimeDescription::devices; without it and `device_type`, the provider chooses.
  std::optional<size_t> device_index = {};
  std::string device_type = {};  // "cpu", "gpu", "npu"; empty: any
};

/// Everything a session can be asked for. What an engine cannot do is refused
/// or ignored by its adapter as documented at each member.
struct SessionOptions {
  /// In order of preference; empty: the engine's default (onnx: cpu; tflite: xnnpack).
  /// A provider that is missing is an error unless another one follows it.
  std::vector<ProviderRequest> providers;
  /// 0: the engine's default.
  int intra_op_threads = 0;
  int inter_op_threads = 0;
  size_t concurrency = 1;
  /// May be null. Cancelling it makes the load end early with kCancelled where the runtime can.
  CancelToken* cancel = nullptr;

  /// TFLite only: inputs take other sizes than their fixed ones. ONNX Runtime: kUnsupported.
  bool resize_inputs = false;

  // ONNX Runtime only; TFLite ignores them.
  std::optional<int> graph_optimization_level;  // 0, 1, 2, 3 (layout), 99 (all)
  bool parallel_execution = false;
  std::optional<bool> cpu_mem_arena;
  std::optional<bool> mem_pattern;
  std::string optimized_model_path;
  std::string profile_prefix;  // not empty: profiling on
  std::string log_id;
  /// Fatal only: what fails has a Status, which is not to be on stderr too.
  int log_severity = 4;
  int log_verbosity = 0;
  std::vector<std::pair<std::string, int64_t>> free_dimension_overrides;
  /// Libraries of custom operators, absolute paths; TFLite refuses them.
  std::vector<std::string> custom_op_libraries;
  std::vector<std::pair<std::string, std::string>> config_entries;
};

}  // namespace onlite
