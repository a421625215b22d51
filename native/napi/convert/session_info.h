#pragma once

#include <napi.h>

#include <string>
#include <vector>

#include "runtimes/runtime.h"

namespace onlite {

/// NativeSessionInfo of lib/engine/addon/native.ts.
Napi::Object SessionInfoToJs(Napi::Env env, const SessionInfo& info);

/// NativeRuntimeDescription of lib/engine/addon/native.ts.
Napi::Object RuntimeDescriptionToJs(Napi::Env env, const RuntimeDescription& description);

Napi::Array StringsToArray(Napi::Env env, const std::vector<std::string>& strings);

/// "onnxruntime" or "tflite".
const char* EngineName(Engine engine);

}  // namespace onlite
