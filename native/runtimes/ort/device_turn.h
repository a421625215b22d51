#pragma once

#include "core/cancel_token.h"
#include "core/status.h"

namespace onlite::ort {

/// A turn at the WebGPU device, which is given back when this is destroyed. The provider keeps
/// what all sessions record in one place without a lock (onnxruntime issue 32561), so that
/// the process's sessions must not use it at a time: not to load, to run, to copy or to free.
class DeviceTurn {
 public:
  DeviceTurn() = default;
  DeviceTurn(const DeviceTurn&) = delete;
  DeviceTurn& operator=(const DeviceTurn&) = delete;
  ~DeviceTurn();

  /// Waits for the turn; kCancelled, without it, once the token says so, which may be null.
  Status Wait(CancelToken* cancel);

  /// kBusy if somebody else has it.
  Status TakeNow();

  /// What cannot be cancelled, as a run of the JS thread, does not wait.
  Status TakeForRun(CancelToken* cancel) { return cancel != nullptr ? Wait(cancel) : TakeNow(); }

 private:
  bool held_ = false;
};

}  // namespace onlite::ort
