#pragma once

#include <napi.h>

#include "runtimes/runtime.h"

namespace onlite {

/// NativeSessionInfo of lib/native.ts.
Napi::Object SessionInfoToJs(Napi::Env env, const SessionInfo& info);

/// NativeRuntimeDescription of lib/native.ts.
Napi::Object RuntimeDescriptionToJs(Napi::Env env, const RuntimeDescription& description);

/// "onnxruntime" or "tflite".
const char* EngineName(Engine engine);

}  // namespace onlite
