#pragma once

#include <memory>

#include "napi/environment/job.h"
#include "session/attached_session.h"
#include "session/binding_core.h"

namespace onlite {

class NativeBinding;

/// Copies what lies on a device: what a binding's run has left in an output, or what one of its
/// inputs has become of that. The binding is busy meanwhile.
class CopyToHostJob final : public Job {
 public:
  /// `binding` must live until Settled.
  CopyToHostJob(NativeBinding* binding, std::shared_ptr<BindingCore> core, Binding::Place place)
      : binding_(binding), core_(std::move(core)), undelivered_(core_->session), place_(place) {}
  Status Execute() override;
  void Abandoned() override { undelivered_.Abandon(); }
  bool UsesCallersMemory() const override { return false; }
  Napi::Value Result(Napi::Env env) override;
  void Settled(Napi::Env env) override;

 private:
  NativeBinding* const binding_;
  const std::shared_ptr<BindingCore> core_;
  Undelivered undelivered_;
  const Binding::Place place_;
  Value value_;
};

}  // namespace onlite
