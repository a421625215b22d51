#pragma once

#include <atomic>
#include <memory>

#include "core/executor.h"
#include "core/latency.h"
#include "runtimes/runtime.h"

namespace onlite {

/// What a JavaScript session and its jobs share. The runtime's session is
/// destroyed by the release job, which runs alone in `queue`, or with the last
/// holder.
struct SessionCore {
  std::unique_ptr<Session> session;
  /// info() as it was at creation: readable after release.
  SessionInfo info;
  std::shared_ptr<TaskQueue> queue;
  LatencyRecorder latency;
  bool record_latency = true;
  /// Bytes of ours that live as long as the session, reported to V8.
  int64_t external_bytes = 0;
};

}  // namespace onlite
