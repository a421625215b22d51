#pragma once

#include <napi.h>

#include "runtimes/runtime.h"

namespace onlite {

/// Reads NativeRunOptions of lib/native.ts into the request; undefined is the
/// defaults. A signature out of range is left for the adapter to refuse.
void ReadRunOptions(Napi::Env env, const Napi::Value& value, RunRequest* request);

}  // namespace onlite
