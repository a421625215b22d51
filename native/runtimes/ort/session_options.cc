#include "runtimes/ort/session_options.h"

#include "core/low_priority.h"
#include "runtimes/default_threads.h"
#include "runtimes/ort/custom_ops.h"
#include "runtimes/ort/path.h"
#include "runtimes/ort/pool_threads.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

Status Configured(OrtStatus* status, const char* what) {
  if (status == nullptr) return Status::Ok();
  return Check(status, Stage::kConfigure, std::string(what) + ": refused by ONNX Runtime");
}

Status SetThreads(const SessionOptions& options, bool global_pools, OrtSessionOptions* handle) {
  const Api& api = Functions();
  // A session that profiles its runs switches the profiler of its pool on and off, under
  // whatever else runs on the pool.
  const bool own_pools = options.intra_op_threads > 0 || options.inter_op_threads > 0 ||
                         options.parallel_execution || !options.profile_prefix.empty();
  if (global_pools && !own_pools) {
    return Configured(api.DisablePerSessionThreads(handle), "threads");
  }
  if (IsAtLowPriority()) ONLITE_RETURN_IF_ERROR(MakePoolThreadsOrdinary(handle));
  const int intra_op =
      options.intra_op_threads > 0 ? options.intra_op_threads : DefaultThreadCount();
  ONLITE_RETURN_IF_ERROR(
      Configured(api.SetIntraOpNumThreads(handle, intra_op), "intraOpNumThreads"));
  if (options.inter_op_threads > 0) {
    ONLITE_RETURN_IF_ERROR(Configured(api.SetInterOpNumThreads(handle, options.inter_op_threads),
                                      "interOpNumThreads"));
  }
  return Status::Ok();
}

Status SetMemoryAndGraph(const SessionOptions& options, OrtSessionOptions* handle) {
  const Api& api = Functions();
  if (options.graph_optimization_level) {
    ONLITE_RETURN_IF_ERROR(Configured(
        api.SetSessionGraphOptimizationLevel(
            handle, static_cast<GraphOptimizationLevel>(*options.graph_optimization_level)),
        "graphOptimizationLevel"));
  }
  if (options.parallel_execution) {
    ONLITE_RETURN_IF_ERROR(
        Configured(api.SetSessionExecutionMode(handle, kExecuteParallel), "executionMode"));
  }
  if (options.cpu_mem_arena) {
    ONLITE_RETURN_IF_ERROR(Configured(
        *options.cpu_mem_arena ? api.EnableCpuMemArena(handle) : api.DisableCpuMemArena(handle),
        "enableCpuMemArena"));
  }
  if (options.mem_pattern) {
    ONLITE_RETURN_IF_ERROR(Configured(
        *options.mem_pattern ? api.EnableMemPattern(handle) : api.DisableMemPattern(handle),
        "enableMemPattern"));
  }
  if (!options.optimized_model_path.empty()) {
    ONLITE_RETURN_IF_ERROR(Configured(
        api.SetOptimizedModelFilePath(handle, NativePath(options.optimized_model_path).c_str()),
        "optimizedModelFilePath"));
  }
  for (const auto& [name, value] : options.free_dimension_overrides) {
    ONLITE_RETURN_IF_ERROR(Configured(
        api.AddFreeDimensionOverrideByName(handle, name.c_str(), value), "freeDimensionOverrides"));
  }
  return Status::Ok();
}

Status SetLogging(const SessionOptions& options, OrtSessionOptions* handle) {
  const Api& api = Functions();
  ONLITE_RETURN_IF_ERROR(
      Configured(api.SetSessionLogSeverityLevel(handle, options.log_severity), "logSeverityLevel"));
  ONLITE_RETURN_IF_ERROR(Configured(api.SetSessionLogVerbosityLevel(handle, options.log_verbosity),
                                    "logVerbosityLevel"));
  if (!options.log_id.empty()) {
    ONLITE_RETURN_IF_ERROR(
        Configured(api.SetSessionLogId(handle, options.log_id.c_str()), "logId"));
  }
  if (!options.profile_prefix.empty()) {
    ONLITE_RETURN_IF_ERROR(
        Configured(api.EnableProfiling(handle, NativePath(options.profile_prefix).c_str()),
                   "enableProfiling"));
  }
  return Status::Ok();
}

/// Tensors over the bytes, used in place for as long as the session lives.
Status AddPassedInitializers(const std::vector<PassedInitializer>& passed,
                             OrtSessionOptions* handle) {
  if (passed.empty()) return Status::Ok();
  OrtMemoryInfo* info = nullptr;
  ONLITE_RETURN_IF_ERROR(Configured(
      Functions().CreateCpuMemoryInfo(kAllocatorDevice, kMemoryDefault, &info), "externalData"));
  const MemoryInfoHandle cpu(info);
  std::vector<ValueHandle> owned;
  std::vector<const char*> names;
  std::vector<const OrtValue*> values;
  for (const PassedInitializer& tensor : passed) {
    OrtValue* value = nullptr;
    // The C API lacks a const here; initializers are only read. Its element types
    // have the numbers of TensorProto.DataType.
    ONLITE_RETURN_IF_ERROR(Configured(
        Functions().CreateTensorWithDataAsOrtValue(
            info, const_cast<uint8_t*>(tensor.bytes.data), tensor.bytes.size, tensor.dims.data(),
            tensor.dims.size(), static_cast<OnnxElementType>(tensor.data_type), &value),
        "externalData"));
    owned.emplace_back(value);
    names.push_back(tensor.name.c_str());
    values.push_back(value);
  }
  return Configured(
      Functions().AddExternalInitializers(handle, names.data(), values.data(), names.size()),
      "externalData");
}

Status AddExternalData(const ExternalData& data, OrtSessionOptions* handle) {
  ONLITE_RETURN_IF_ERROR(AddPassedInitializers(data.passed, handle));
  // By its path ONNX Runtime knows the model's folder, and where the path's links lead to.
  if (data.folder.empty() || data.by_path) return Status::Ok();
  return Configured(
      Functions().AddSessionConfigEntry(handle, kExternalDataFolderEntry, data.folder.c_str()),
      "the folder of the external data");
}

}  // namespace

Status MakeSessionOptions(const SessionOptions& options, bool global_pools,
                          const ExternalData& external, SessionOptionsHandle* result) {
  OrtSessionOptions* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(Configured(Functions().CreateSessionOptions(&handle), "session options"));
  result->reset(handle);
  ONLITE_RETURN_IF_ERROR(SetThreads(options, global_pools, handle));
  ONLITE_RETURN_IF_ERROR(SetMemoryAndGraph(options, handle));
  ONLITE_RETURN_IF_ERROR(SetLogging(options, handle));
  ONLITE_RETURN_IF_ERROR(RegisterCustomOps(options.custom_op_libraries, handle));
  for (const auto& [key, value] : options.config_entries) {
    ONLITE_ORT_RETURN_IF_ERROR(
        Functions().AddSessionConfigEntry(handle, key.c_str(), value.c_str()), Stage::kConfigure,
        "extra." + key + ": refused by ONNX Runtime");
  }
  // After the user's entries, one of which may name the same folder.
  return AddExternalData(external, handle);
}

Status CheckFreeDimensions(const SessionOptions& options, const ModelScan& scan) {
  for (const auto& [name, value] : options.free_dimension_overrides) {
    if (!scan.free_dimensions.contains(name)) {
      std::string known;
      for (const std::string& dimension : scan.free_dimensions) {
        known += (known.empty() ? "'" : ", '") + dimension + "'";
      }
      return {ErrorCode::kInvalidArgument,
              "freeDimensionOverrides." + name + ": the model's inputs have no such dimension, " +
                  (known.empty() ? "nor any other dynamic one with a name" : "only " + known)};
    }
    if (value < 1) {
      return {ErrorCode::kInvalidArgument, "freeDimensionOverrides." + name +
                                               ": expected a size of 1 or more, got " +
                                               std::to_string(value)};
    }
  }
  return Status::Ok();
}

}  // namespace onlite::ort
