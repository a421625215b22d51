#pragma once

#include <napi.h>

#include "runtimes/run_request.h"

namespace onlite {

/// What a run has left, for lib/ to copy to where it belongs once that is known:
/// as ValueToJs, but for a tensor [4, type, dims, an External].
/// `request` is the run's: a result in memory of its inputs is copied at once.
napi_value HoldResult(Napi::Env env, const RunRequest& request, Value value);

/// takeResult(held, array): copies a held result into a typed array of the same
/// length in bytes, and frees it. Once for each.
Napi::Value TakeResult(const Napi::CallbackInfo& info);

}  // namespace onlite
