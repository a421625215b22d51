#pragma once

#include <napi.h>

#include "session/attached_session.h"

namespace onlite {

/// Methods of NativeSession (lib/engine/addon/native.ts) that say how a session is now.

/// Runs that wait to be started.
Napi::Value QueueDepth(const SessionCore& core, const Napi::CallbackInfo& info);

/// batchSizes(since): [rows, how many batches had so many, …]; empty without batching. Ever, or
/// since latencyReset with 1, or since it was last called so with 2.
Napi::Value BatchSizes(const SessionCore& core, const Napi::CallbackInfo& info);

/// Tasks of the session's on executor threads; a batch is one.
Napi::Value RunsInFlight(const SessionCore& core, const Napi::CallbackInfo& info);

/// The process's number for the native session.
Napi::Value SessionNumber(const SessionCore& core, const Napi::CallbackInfo& info);

/// Somebody has not released it, perhaps another thread.
Napi::Value HasUsers(const SessionCore& core, const Napi::CallbackInfo& info);

/// Runs asked for asynchronously that JS threads have made themselves.
Napi::Value InlineRuns(const SessionCore& core, const Napi::CallbackInfo& info);
Napi::Value MayRunInline(const AttachedSession& session, const Napi::CallbackInfo& info);

/// Our own memory: [the model's, the histograms'] bytes.
Napi::Value SessionMemory(const AttachedSession& session, const Napi::CallbackInfo& info);

/// observeRuns(kept): see RunRecords.
Napi::Value ObserveRuns(AttachedSession& session, const Napi::CallbackInfo& info);

/// takeRunRecord(id?): [queue, bind, invoke, fetch, total, batch's rows] or undefined;
/// without an id, of the last synchronous run.
Napi::Value TakeRunRecord(AttachedSession& session, const Napi::CallbackInfo& info);

}  // namespace onlite
