#include "runtimes/ort/providers.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>

#include "runtimes/ort/handles.h"
#include "runtimes/ort/provider_devices.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

struct ProviderName {
  std::string_view name;       // public
  std::string_view available;  // in GetAvailableProviders
  const char* generic;         // in SessionOptionsAppendExecutionProvider; null: has its own call
};

constexpr std::array<ProviderName, 17> kProviders = {{
    {"cpu", "CPUExecutionProvider", nullptr},
    {"cuda", "CUDAExecutionProvider", nullptr},
    {"tensorrt", "TensorrtExecutionProvider", nullptr},
    {"nvtensorrtrtx", "NvTensorRTRTXExecutionProvider", "NvTensorRtRtx"},
    {"webgpu", "WebGpuExecutionProvider", "WebGPU"},
    {"coreml", "CoreMLExecutionProvider", "CoreML"},
    {"dml", "DmlExecutionProvider", "DML"},
    {"qnn", "QNNExecutionProvider", "QNN"},
    {"snpe", "SNPEExecutionProvider", "SNPE"},
    {"xnnpack", "XnnpackExecutionProvider", "XNNPACK"},
    {"openvino", "OpenVINOExecutionProvider", "OpenVINO"},
    {"vitisai", "VitisAIExecutionProvider", "VitisAI"},
    {"webnn", "WebNNExecutionProvider", "WEBNN"},
    {"azure", "AzureExecutionProvider", "AZURE"},
    {"js", "JsExecutionProvider", "JS"},
    {"nnapi", "NnapiExecutionProvider", "NNAPI"},
    {"dnnl", "DnnlExecutionProvider", "Dnnl"},
}};

const ProviderName* FindProvider(std::string_view name) {
  const auto* found = std::find_if(kProviders.begin(), kProviders.end(),
                                   [&](const ProviderName& row) { return row.name == name; });
  return found != kProviders.end() ? found : nullptr;
}

std::string Join(const std::vector<std::string>& names) {
  std::string text;
  for (const std::string& name : names) {
    if (!text.empty()) text += ", ";
    text += name;
  }
  return text;
}

std::string Remedy(std::string_view name) {
  if (name == "cuda") {
    return "it needs NVIDIA's driver, and CUDA, cuDNN and ONNX Runtime's own libraries for them, "
           "which `npx onlite install cuda` and useProvider('cuda') bring";
  }
  if (name == "tensorrt") {
    return "install the TensorRT and CUDA libraries this ONNX Runtime was built for and put "
           "its provider libraries beside it";
  }
  return "check the provider's drivers and options";
}

Status Unavailable(const ProviderRequest& request, const std::string& path, const Status& why) {
  return {ErrorCode::kProviderUnavailable,
          path + ": the provider '" + request.name + "' cannot be used here; " +
              Remedy(request.name) + ", or list 'cpu' after it",
          why.cause()};
}

Status CheckCpuOptions(const ProviderRequest& request, const std::string& path,
                       OrtSessionOptions* options) {
  if (request.device_index || !request.device_type.empty()) {
    return {ErrorCode::kInvalidArgument,
            path + ".device: the provider 'cpu' has no choice of them"};
  }
  for (const auto& [key, value] : request.options) {
    const bool off = value == "0" || value == "false";
    if (key != "useArena" || (!off && value != "1" && value != "true")) {
      std::string message = path;
      message.append(".").append(key).append(
          ": the provider 'cpu' knows only useArena, true or false");
      return {ErrorCode::kInvalidArgument, std::move(message)};
    }
    ONLITE_ORT_RETURN_IF_ERROR(
        off ? Functions().DisableCpuMemArena(options) : Functions().EnableCpuMemArena(options),
        Stage::kConfigure, path + ".useArena");
  }
  return Status::Ok();
}

Status AppendCuda(const KeyValues& pairs, const std::string& path, OrtSessionOptions* options) {
  OrtCUDAProviderOptionsV2* cuda = nullptr;
  ONLITE_ORT_RETURN_IF_ERROR(Functions().CreateCUDAProviderOptions(&cuda), Stage::kConfigure, path);
  const CudaOptionsHandle owned(cuda);
  ONLITE_ORT_RETURN_IF_ERROR(Functions().UpdateCUDAProviderOptions(
                                 cuda, pairs.keys.data(), pairs.values.data(), pairs.keys.size()),
                             Stage::kConfigure, path);
  return Check(Functions().SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda),
               Stage::kConfigure, path);
}

Status AppendTensorRt(const KeyValues& pairs, const std::string& path, OrtSessionOptions* options) {
  OrtTensorRTProviderOptionsV2* tensorrt = nullptr;
  ONLITE_ORT_RETURN_IF_ERROR(Functions().CreateTensorRTProviderOptions(&tensorrt),
                             Stage::kConfigure, path);
  const TensorRtOptionsHandle owned(tensorrt);
  ONLITE_ORT_RETURN_IF_ERROR(
      Functions().UpdateTensorRTProviderOptions(tensorrt, pairs.keys.data(), pairs.values.data(),
                                                pairs.keys.size()),
      Stage::kConfigure, path);
  return Check(Functions().SessionOptionsAppendExecutionProvider_TensorRT_V2(options, tensorrt),
               Stage::kConfigure, path);
}

}  // namespace

std::string PublicName(std::string_view available) {
  for (const ProviderName& row : kProviders) {
    if (row.available == available) return std::string(row.name);
  }
  // A provider newer than this table: 'FooExecutionProvider' is asked for as 'foo'.
  constexpr std::string_view kSuffix = "ExecutionProvider";
  if (available.ends_with(kSuffix)) available.remove_suffix(kSuffix.size());
  std::string name(available);
  std::transform(name.begin(), name.end(), name.begin(), [](unsigned char letter) {
    return static_cast<char>(letter >= 'A' && letter <= 'Z' ? letter - 'A' + 'a' : letter);
  });
  return name;
}

KeyValues::KeyValues(const ProviderRequest& request) {
  for (const auto& [key, value] : request.options) {
    keys.push_back(key.c_str());
    values.push_back(value.c_str());
  }
}

ProviderTraits TraitsOf(const std::vector<std::string>& providers) {
  ProviderTraits traits;
  for (const std::string& name : providers) {
    if (name != "cpu") traits.reads_at_bind = true;
    if (name == "webgpu") traits.takes_turns = true;
    if (name == "cuda" || name == "tensorrt" || name == "nvtensorrtrtx") {
      traits.cuda_turn = CudaTurn::Kind::kBesideOthers;
    }
  }
  return traits;
}

bool CapturesGraphs(const ProviderRequest& request) {
  const std::string_view option = request.name == "cuda"       ? "enable_cuda_graph"
                                  : request.name == "tensorrt" ? "trt_cuda_graph_enable"
                                                               : "";
  return std::any_of(request.options.begin(), request.options.end(), [&](const auto& entry) {
    const auto& [key, value] = entry;
    return key == option && (value == "1" || value == "true" || value == "True");
  });
}

std::vector<std::string> AvailableProviders() {
  char** names = nullptr;
  int count = 0;
  if (!Check(Functions().GetAvailableProviders(&names, &count), Stage::kConfigure, "providers")
           .ok()) {
    return {};
  }
  std::vector<std::string> providers;
  providers.reserve(static_cast<size_t>(std::max(count, 0)));
  for (int index = 0; index < count; ++index) providers.push_back(PublicName(names[index]));
  static_cast<void>(
      Check(Functions().ReleaseAvailableProviders(names, count), Stage::kConfigure, "providers"));
  return providers;
}

Status AppendProvider(const ProviderRequest& request, const std::string& path, OrtEnv* env,
                      OrtSessionOptions* options) {
  if (request.name == "cpu") return CheckCpuOptions(request, path, options);

  const std::vector<std::string> available = AvailableProviders();
  const ProviderName* row = FindProvider(request.name);
  const bool built_in = row != nullptr && std::find(available.begin(), available.end(),
                                                    request.name) != available.end();
  const bool by_device = request.device_index || !request.device_type.empty();
  if (!built_in && !HasDevice(request.name)) {
    return {ErrorCode::kProviderUnavailable,
            path + ": this ONNX Runtime library has no provider '" + request.name +
                "', only: " + Join(available) +
                "; and no registered library (registerProviderLibrary) has a device for it"};
  }
  if (by_device || !built_in) {
    Status status = AppendDevice(request, path, env, options);
    return status.ok() || status.code() == ErrorCode::kProviderUnavailable
               ? status
               : Unavailable(request, path, status);
  }
  const KeyValues pairs(request);
  Status status;
  if (request.name == "cuda") {
    status = AppendCuda(pairs, path, options);
  } else if (request.name == "tensorrt") {
    status = AppendTensorRt(pairs, path, options);
  } else {
    status =
        Check(Functions().SessionOptionsAppendExecutionProvider(
                  options, row->generic, pairs.keys.data(), pairs.values.data(), pairs.keys.size()),
              Stage::kConfigure, path);
  }
  return status.ok() ? status : Unavailable(request, path, status);
}

}  // namespace onlite::ort
