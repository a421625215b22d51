#pragma once

#include <napi.h>

namespace onlite {

/// sampleGpus(id, library): the job's result is [uuid, name, total bytes, used bytes,
/// busy percent, memory busy percent, …], -1 for what is unknown.
Napi::Value SampleGpus(const Napi::CallbackInfo& info);

}  // namespace onlite
