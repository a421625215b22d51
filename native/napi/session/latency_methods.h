#pragma once

#include <napi.h>

#include "session/session_core.h"

namespace onlite {

/// The methods of NativeSession that show what RunStatistics has recorded. They
/// work after release too.

/// latencyPhase(phase): a NativeHistogram, a view of the phase's successful runs.
Napi::Value LatencyPhase(const SessionCore& core, const Napi::CallbackInfo& info);
/// latencyFailureCodes(): the codes that a run has ever failed with.
Napi::Value LatencyFailureCodes(const SessionCore& core, const Napi::CallbackInfo& info);
/// latencyFailure(code): a NativeHistogram, a view of the runs that failed so.
Napi::Value LatencyFailure(const SessionCore& core, const Napi::CallbackInfo& info);
/// latencyRejected(interval): runs refused by the full queue since the last reset or,
/// if `interval` is true, since it was last asked for so.
Napi::Value LatencyRejected(const SessionCore& core, const Napi::CallbackInfo& info);
/// latencyReset(): forgets everything.
Napi::Value LatencyReset(const SessionCore& core, const Napi::CallbackInfo& info);

}  // namespace onlite
