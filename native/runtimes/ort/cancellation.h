#pragma once

#include "core/cancel_token.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {

/// Registers how `options` are terminated for as long as it lives.
class Cancellation {
 public:
  /// `token` may be null; then nothing happens.
  Cancellation(CancelToken* token, OrtRunOptions* options) : token_(token) {
    if (token_ == nullptr) return;
    armed_ = token_->Arm([options] {
      static_cast<void>(
          Check(Functions().RunOptionsSetTerminate(options), Stage::kRun, "terminate"));
    });
  }
  Cancellation(const Cancellation&) = delete;
  Cancellation& operator=(const Cancellation&) = delete;
  ~Cancellation() {
    if (armed_) token_->Disarm();
  }
  bool cancelled() const { return token_ != nullptr && token_->cancelled(); }

 private:
  CancelToken* token_;
  bool armed_ = false;
};

}  // namespace onlite::ort
