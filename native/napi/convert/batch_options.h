#pragma once

#include <napi.h>

#include "core/batch_queue.h"

namespace onlite {

/// NativeBatching of lib/engine/addon/native.ts.
BatchOptions ReadBatchOptions(Napi::Env env, const Napi::Value& value);

}  // namespace onlite
