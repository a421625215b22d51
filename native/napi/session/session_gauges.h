#pragma once

#include <napi.h>

#include "session/session_core.h"

namespace onlite {

/// Methods of NativeSession (lib/engine/addon/native.ts) that say how a session is now.

/// Runs that wait to be started.
Napi::Value QueueDepth(const SessionCore& core, const Napi::CallbackInfo& info);

/// [rows, how many batches had so many, …]; empty without batching.
Napi::Value BatchSizes(const SessionCore& core, const Napi::CallbackInfo& info);

/// Tasks of the session's on executor threads; a batch is one.
Napi::Value RunsInFlight(const SessionCore& core, const Napi::CallbackInfo& info);

/// Runs asked for asynchronously that the JS thread has made itself.
Napi::Value InlineRuns(const SessionCore& core, const Napi::CallbackInfo& info);
Napi::Value MayRunInline(const SessionCore& core, const Napi::CallbackInfo& info);

/// Our own memory: [the model's, the histograms'] bytes.
Napi::Value SessionMemory(const SessionCore& core, const Napi::CallbackInfo& info);

/// observeRuns(kept): see RunRecords.
Napi::Value ObserveRuns(SessionCore& core, const Napi::CallbackInfo& info);

/// takeRunRecord(id?): [queue, bind, invoke, fetch, total, batch's rows] or undefined;
/// without an id, of the last synchronous run.
Napi::Value TakeRunRecord(SessionCore& core, const Napi::CallbackInfo& info);

}  // namespace onlite
