#include "runtimes/ort/run_options.h"

#include "runtimes/ort/path.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {

Status MakeRunOptions(const RunRequest& request, RunOptionsHandle* result) {
  const RunOptions& options = request.options;
  const bool needed = request.cancel != nullptr || options.log_severity >= 0 ||
                      options.log_verbosity >= 0 || !options.tag.empty() ||
                      !options.config_entries.empty() || !options.profile_prefix.empty();
  if (!needed) return Status::Ok();

  const Api& api = Functions();
  constexpr auto kStage = Stage::kConfigure;
  OrtRunOptions* handle = nullptr;
  ONLITE_ORT_RETURN_IF_ERROR(api.CreateRunOptions(&handle), kStage, "run options");
  result->reset(handle);
  if (options.log_severity >= 0) {
    ONLITE_ORT_RETURN_IF_ERROR(api.RunOptionsSetRunLogSeverityLevel(handle, options.log_severity),
                               kStage, "logSeverityLevel: refused by ONNX Runtime");
  }
  if (options.log_verbosity >= 0) {
    ONLITE_ORT_RETURN_IF_ERROR(api.RunOptionsSetRunLogVerbosityLevel(handle, options.log_verbosity),
                               kStage, "logVerbosityLevel: refused by ONNX Runtime");
  }
  if (!options.tag.empty()) {
    ONLITE_ORT_RETURN_IF_ERROR(api.RunOptionsSetRunTag(handle, options.tag.c_str()), kStage,
                               "tag: refused by ONNX Runtime");
  }
  for (const auto& [key, value] : options.config_entries) {
    ONLITE_ORT_RETURN_IF_ERROR(api.AddRunConfigEntry(handle, key.c_str(), value.c_str()), kStage,
                               "extra." + key + ": refused by ONNX Runtime");
  }
  if (options.profile_prefix.empty()) return Status::Ok();
  if (api.RunOptionsEnableProfiling == nullptr) {
    return {ErrorCode::kUnsupported,
            "profile: this ONNX Runtime cannot profile single runs, 1.25 and later can"};
  }
  ONLITE_ORT_RETURN_IF_ERROR(
      api.RunOptionsEnableProfiling(handle, NativePath(options.profile_prefix).c_str()), kStage,
      "profile: refused by ONNX Runtime");
  return Status::Ok();
}

Status MakeRunOptionsWithoutGraph(const RunRequest& request, RunOptionsHandle* result) {
  for (const auto& [key, value] : request.options.config_entries) {
    if (key != kGraphId || value == kNoGraph) continue;
    return {ErrorCode::kUnsupported,
            "extra.gpu_graph_id: a run whose tensors lie elsewhere each time cannot be replayed; "
            "bind does that, with a graph for each binding"};
  }
  ONLITE_RETURN_IF_ERROR(MakeRunOptions(request, result));
  if (*result == nullptr) {
    OrtRunOptions* handle = nullptr;
    ONLITE_ORT_RETURN_IF_ERROR(Functions().CreateRunOptions(&handle), Stage::kConfigure,
                               "run options");
    result->reset(handle);
  }
  return Check(Functions().AddRunConfigEntry(result->get(), kGraphId, kNoGraph), Stage::kConfigure,
               "run options");
}

}  // namespace onlite::ort
