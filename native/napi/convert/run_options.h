#pragma once

#include <napi.h>

#include "napi/convert/tensor_arguments.h"

namespace onlite {

/// Reads NativeRunOptions of lib/engine/addon/native.ts into the arguments; undefined is the
/// defaults. A signature out of range is left for the adapter to refuse.
void ReadRunOptions(Napi::Env env, const Napi::Value& value, RunArguments* arguments);

}  // namespace onlite
