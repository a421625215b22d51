#pragma once

#include <napi.h>

#include <vector>

#include "runtimes/runtime.h"

namespace onlite {

/// loadRuntime(engine, candidates): opens the library on the JS thread;
/// ERR_RUNTIME_NOT_FOUND with what was tried.
Napi::Value LoadRuntime(const Napi::CallbackInfo& info);

/// describeRuntime(engine): NativeRuntimeDescription; opens nothing.
Napi::Value DescribeRuntime(const Napi::CallbackInfo& info);

/// The adapter of an engine.
Runtime& RuntimeOf(Engine engine);

/// [[path, origin, dependencies?], …] of lib/engine/addon/native.ts.
std::vector<LibraryCandidate> ReadCandidates(Napi::Env env, const Napi::Value& value);

}  // namespace onlite
