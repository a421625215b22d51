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

}  // namespace onlite::ort
