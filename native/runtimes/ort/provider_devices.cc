#include "runtimes/ort/provider_devices.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <mutex>
#include <optional>
#include <shared_mutex>
#include <string_view>
#include <utility>

#include "runtimes/cuda_turn.h"
#include "runtimes/library_file.h"
#include "runtimes/ort/library.h"
#include "runtimes/ort/path.h"
#include "runtimes/ort/providers.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

/// A device as it was listed, and what the runtime knows it by.
struct Listed {
  const OrtEpDevice* handle;
  ProviderDevice description;
};

/// Never destroyed: sessions may be created until the process ends.
struct Registry {
  /// Held alone by who adds a library: ONNX Runtime has no lock of its own for what that changes in
  /// the environment and others read there.
  std::shared_mutex mutex;
  std::map<std::string, std::string> libraries;  // name by path
  std::vector<Listed> devices;
};

Registry& TheRegistry() {
  static auto* registry = new Registry;
  return *registry;
}

std::string_view TypeName(HardwareDeviceType type) {
  switch (type) {
    case kHardwareCpu: return "cpu";
    case kHardwareGpu: return "gpu";
    case kHardwareNpu: return "npu";
    default: return "unknown";
  }
}

std::string Text(const char* text) { return text != nullptr ? text : ""; }

void AddPairs(const OrtKeyValuePairs* pairs,
              std::vector<std::pair<std::string, std::string>>* entries) {
  if (pairs == nullptr) return;
  const char* const* keys = nullptr;
  const char* const* values = nullptr;
  size_t count = 0;
  Functions().GetKeyValuePairs(pairs, &keys, &values, &count);
  for (size_t index = 0; index < count; ++index) {
    entries->emplace_back(Text(keys[index]), Text(values[index]));
  }
}

ProviderDevice Describe(const OrtEpDevice* device) {
  const Api& api = Functions();
  const OrtHardwareDevice* hardware = api.EpDevice_Device(device);
  ProviderDevice description;
  description.provider = PublicName(Text(api.EpDevice_EpName(device)));
  description.type = TypeName(api.HardwareDevice_Type(hardware));
  description.vendor = Text(api.HardwareDevice_Vendor(hardware));
  description.vendor_id = api.HardwareDevice_VendorId(hardware);
  description.device_id = api.HardwareDevice_DeviceId(hardware);
  AddPairs(api.HardwareDevice_Metadata(hardware), &description.metadata);
  AddPairs(api.EpDevice_EpMetadata(device), &description.metadata);
  return description;
}

/// Whether the request allows the device at `index` of the list.
bool Fits(const ProviderRequest& request, const ProviderDevice& device, size_t index) {
  return device.provider == request.name &&
         (request.device_type.empty() || device.type == request.device_type) &&
         (!request.device_index || *request.device_index == index);
}

std::string Wanted(const ProviderRequest& request) {
  if (request.device_index) return "device " + std::to_string(*request.device_index);
  return request.device_type.empty() ? "device" : "device of type '" + request.device_type + "'";
}

/// Under the registry's mutex.
std::vector<ProviderDevice> ListInto(Registry* registry, const OrtEnv* env) {
  const OrtEpDevice* const* handles = nullptr;
  size_t count = 0;
  if (Check(Functions().GetEpDevices(env, &handles, &count), Stage::kConfigure, "devices").ok()) {
    for (const OrtEpDevice* const* handle = handles; handle != handles + count; ++handle) {
      const bool known =
          std::any_of(registry->devices.begin(), registry->devices.end(),
                      [handle](const Listed& listed) { return listed.handle == *handle; });
      if (!known) registry->devices.push_back({*handle, Describe(*handle)});
    }
  }
  std::vector<ProviderDevice> devices;
  std::transform(registry->devices.begin(), registry->devices.end(), std::back_inserter(devices),
                 [](const Listed& listed) { return listed.description; });
  return devices;
}

}  // namespace

Status RegisterLibrary(OrtEnv* env, const std::string& name, const std::string& path,
                       std::vector<ProviderDevice>* devices) {
  if (Functions().RegisterExecutionProviderLibrary == nullptr) {
    return {ErrorCode::kUnsupported,
            "this ONNX Runtime library takes no provider libraries; 1.22 and newer ones do"};
  }
  Registry& registry = TheRegistry();
  // Many a library asks CUDA for devices.
  const CudaTurn cuda_turn(CudaTurn::Kind::kBesideOthers);
  const std::lock_guard lock(registry.mutex);
  if (registry.libraries.count(path) == 0) {
    for (const auto& [other, known] : registry.libraries) {
      if (known != name) continue;
      std::string message = "name: '";
      message.append(name).append("' is the provider library ").append(other).append(" already");
      return {ErrorCode::kInvalidArgument, std::move(message)};
    }
    const std::string what = "the provider library " + path + " cannot be used";
    if (const Status status = CheckLibraryFile(path); !status.ok()) {
      return {ErrorCode::kProviderUnavailable, what, status.message() + ": " + status.cause()};
    }
    const Status status = Check(
        Functions().RegisterExecutionProviderLibrary(env, name.c_str(), NativePath(path).c_str()),
        Stage::kConfigure, what);
    if (!status.ok()) return {ErrorCode::kProviderUnavailable, what, status.cause()};
    registry.libraries.emplace(path, name);
  }
  *devices = ListInto(&registry, env);
  return Status::Ok();
}

std::string CudaLibraryBeside(const std::string& library) {
#ifdef _WIN32
  constexpr std::string_view kFile = "onnxruntime_providers_cuda.dll";
  const size_t slash = library.find_last_of("/\\");
#else
  constexpr std::string_view kFile = "libonnxruntime_providers_cuda.so";
  const size_t slash = library.rfind('/');
#endif
  return library.substr(0, slash == std::string::npos ? 0 : slash + 1).append(kFile);
}

bool UsesCuda(const std::vector<std::string>& providers) {
  return std::any_of(providers.begin(), providers.end(), [](const std::string& provider) {
    return provider == "cuda" || provider == "tensorrt";
  });
}

std::shared_lock<std::shared_mutex> KeepLibraries() {
  return std::shared_lock(TheRegistry().mutex);
}

std::vector<ProviderDevice> ListDevices(const OrtEnv* env) {
  if (Functions().GetEpDevices == nullptr) return {};
  Registry& registry = TheRegistry();
  const std::lock_guard lock(registry.mutex);
  return ListInto(&registry, env);
}

bool HasDevice(const std::string& provider) {
  const auto lock = KeepLibraries();
  const Registry& registry = TheRegistry();
  return std::any_of(registry.devices.begin(), registry.devices.end(),
                     [&](const Listed& listed) { return listed.description.provider == provider; });
}

Status AppendDevice(const ProviderRequest& request, const std::string& path, OrtEnv* env,
                    OrtSessionOptions* options) {
  const auto lock = KeepLibraries();
  const Registry& registry = TheRegistry();
  const OrtEpDevice* device = nullptr;
  for (size_t index = 0; index < registry.devices.size() && device == nullptr; ++index) {
    const Listed& listed = registry.devices[index];
    if (Fits(request, listed.description, index)) device = listed.handle;
  }
  if (device == nullptr) {
    return {ErrorCode::kProviderUnavailable,
            path + ": the provider '" + request.name + "' lists no " + Wanted(request) + " here"};
  }
  const KeyValues pairs(request);
  return Check(
      Functions().SessionOptionsAppendExecutionProvider_V2(
          options, env, &device, 1, pairs.keys.data(), pairs.values.data(), pairs.keys.size()),
      Stage::kConfigure, path);
}

}  // namespace onlite::ort
