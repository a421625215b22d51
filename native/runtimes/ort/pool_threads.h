#pragma once

#include "core/status.h"
#include "runtimes/ort/api_types.h"
#include "runtimes/session_options.h"

namespace onlite::ort {

/// Whether a session with these options may make other threads than MakePoolThreadsOrdinary sees
/// to: other providers and libraries of operators may have threads of their own, and ONNX Runtime
/// binds only threads that it makes itself to processors.
bool MakesOtherThreads(const SessionOptions& options);

/// Has the pools of a session that is created at low priority made of threads of ordinary priority.
Status MakePoolThreadsOrdinary(OrtSessionOptions* options);

}  // namespace onlite::ort
