#pragma once

#include <napi.h>

namespace onlite {

/// registerProviderLibrary(id, name, path, candidates): loads ONNX Runtime, unless it is loaded,
/// and adds the library to it.
Napi::Value RegisterProviderLibraryJob(const Napi::CallbackInfo& info);

}  // namespace onlite
