#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "core/status.h"
#include "runtimes/cuda_turn.h"
#include "runtimes/ort/api_types.h"
#include "runtimes/session_options.h"

namespace onlite::ort {

/// What a session's providers ask of whoever runs it.
struct ProviderTraits {
  /// An input is copied to the device when it is bound, and what is written to it later is not
  /// seen.
  bool reads_at_bind = false;
  /// The process's sessions must not use the provider at a time (device_turn.h).
  bool takes_turns = false;
  /// What uses the device asks for this first.
  CudaTurn::Kind cuda_turn = CudaTurn::Kind::kNone;
};

/// By the providers' public names.
ProviderTraits TraitsOf(const std::vector<std::string>& providers);

/// Whether the request's options have the provider capture runs in graphs.
bool CapturesGraphs(const ProviderRequest& request);

/// The public name of what the runtime calls e.g. "CUDAExecutionProvider".
std::string PublicName(std::string_view available);

/// A request's options as the C API takes them; points into the request.
struct KeyValues {
  explicit KeyValues(const ProviderRequest& request);
  std::vector<const char*> keys;
  std::vector<const char*> values;
};

/// The public names of the providers the loaded library was built with, in its
/// order of preference. One that is listed may still lack what it needs at run
/// time (drivers, provider libraries).
std::vector<std::string> AvailableProviders();

/// Adds `request` to the options. "cpu" adds nothing: ONNX Runtime always has
/// it last. A provider that the library was built with is taken before one of the same name that
/// was registered (provider_devices.h), unless a device is asked for.
/// `path` names the request in messages, e.g. "executionProviders[0]".
Status AppendProvider(const ProviderRequest& request, const std::string& path, OrtEnv* env,
                      OrtSessionOptions* options);

}  // namespace onlite::ort
