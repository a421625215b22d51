#pragma once

#include <string>
#include <vector>

#include "core/status.h"
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
};

/// By the providers' public names.
ProviderTraits TraitsOf(const std::vector<std::string>& providers);

/// The public names of the providers the loaded library was built with, in its
/// order of preference. One that is listed may still lack what it needs at run
/// time (drivers, provider libraries).
std::vector<std::string> AvailableProviders();

/// Adds `request` to the options. "cpu" adds nothing: ONNX Runtime always has
/// it last. `path` names the request in messages, e.g. "executionProviders[0]".
Status AppendProvider(const ProviderRequest& request, const std::string& path,
                      OrtSessionOptions* options);

}  // namespace onlite::ort
