#pragma once

#include <napi.h>

#include <memory>

#include "napi/convert/raw_method.h"
#include "napi/environment/environment.h"
#include "session/session_core.h"

namespace onlite {

/// The JavaScript face of a session: NativeSession of lib/engine/addon/native.ts. JS thread
/// only. A forgotten one is destroyed on an executor thread after its runs.
class NativeSession : public Napi::ObjectWrap<NativeSession> {
 public:
  /// Defines the class in this environment.
  static Napi::Function Define(Napi::Env env);
  static Napi::Object Wrap(Napi::Env env, std::shared_ptr<SessionCore> core);

  /// Takes an External of shared_ptr<SessionCore>, which only Wrap can make.
  explicit NativeSession(const Napi::CallbackInfo& info);
  ~NativeSession() override;

 private:
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value Providers(const Napi::CallbackInfo& info);
  Napi::Value Run(const Napi::CallbackInfo& info);
  Napi::Value RunSync(const Napi::CallbackInfo& info);
  Napi::Value Bind(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  Napi::Value HasAwaitedRuns(const Napi::CallbackInfo& info);
  Napi::Value ResetVariables(const Napi::CallbackInfo& info);
  Napi::Value ResetVariablesSync(const Napi::CallbackInfo& info);
  Napi::Value Profile(const Napi::CallbackInfo& info);  // profile_job.cc
  Napi::Value EndProfiling(const Napi::CallbackInfo& info);

  /// A function of the core as a method.
  template <auto Function>
  Napi::Value OfCore(const Napi::CallbackInfo& info) {
    return Function(*core_, info);
  }
  template <auto Function>
  static napi_property_descriptor CoreMethod(const char* name) {
    return SafeMethod<&NativeSession::OfCore<Function>>(name);
  }

  void RequireOpen(Napi::Env env) const;

  std::shared_ptr<const EnvironmentState> environment_;
  std::shared_ptr<SessionCore> core_;
};

}  // namespace onlite
