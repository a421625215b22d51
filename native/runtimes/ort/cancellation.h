#pragma once

#include "core/cancel_token.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {

/// Registers how a run, or a load, with these options is terminated. Options that were
/// terminated once stay so: ask `End` before they are used again.
class Cancellation : public ArmedToken {
 public:
  Cancellation(CancelToken* token, OrtRunOptions* options)
      : ArmedToken(token, [options] {
          static_cast<void>(
              Check(Functions().RunOptionsSetTerminate(options), Stage::kRun, "terminate"));
        }) {}
  /// Before API version 22 a load goes on.
  Cancellation(CancelToken* token, OrtSessionOptions* options)
      : ArmedToken(token, [options] {
          if (Functions().SessionOptionsSetLoadCancellationFlag == nullptr) return;
          static_cast<void>(Check(Functions().SessionOptionsSetLoadCancellationFlag(options, true),
                                  Stage::kCreate, "terminate"));
        }) {}
};

}  // namespace onlite::ort
