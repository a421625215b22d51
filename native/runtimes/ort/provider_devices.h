#pragma once

#include <shared_mutex>
#include <string>
#include <vector>

#include "core/status.h"
#include "runtimes/ort/api_types.h"
#include "runtimes/runtime.h"
#include "runtimes/session_options.h"

namespace onlite::ort {

/// Loads a plugin provider's library into the environment, for as long as the process lives: runs
/// may use it until the end. The same path once more, under whatever name, does nothing. `devices`
/// is ListDevices' then.
Status RegisterLibrary(OrtEnv* env, const std::string& name, const std::string& path,
                       std::vector<ProviderDevice>* devices);

/// ONNX Runtime's own CUDA provider, which has to be registered like a plugin for CopyTensors to
/// know its memory: under this name and from the library's folder.
constexpr const char* kCudaName = "CUDAExecutionProvider";
std::string CudaLibraryBeside(const std::string& library);
bool UsesCuda(const std::vector<std::string>& providers);

/// While this is held no library is added: for who reads what of the environment a library adds to.
std::shared_lock<std::shared_mutex> KeepLibraries();

/// The devices that the runtime's own providers and the registered ones list. A device keeps its
/// index. Empty where the library is older than such lists.
std::vector<ProviderDevice> ListDevices(const OrtEnv* env);

/// Whether a device of the provider has been listed.
bool HasDevice(const std::string& provider);

/// Adds the provider with the first listed device that `request` allows. `path` names the request
/// in messages.
Status AppendDevice(const ProviderRequest& request, const std::string& path, OrtEnv* env,
                    OrtSessionOptions* options);

}  // namespace onlite::ort
