#pragma once

#include <napi.h>

#include <memory>

#include "napi/convert/raw_method.h"
#include "napi/environment/environment.h"
#include "session/attached_session.h"

namespace onlite {

/// The JavaScript face of a session: NativeSession of lib/engine/addon/native.ts. JS thread
/// only. A forgotten one lets go of the session.
class NativeSession : public Napi::ObjectWrap<NativeSession> {
 public:
  /// Defines the class in this environment.
  static Napi::Function Define(Napi::Env env);
  static Napi::Object Wrap(Napi::Env env, std::shared_ptr<AttachedSession> session);

  /// Takes an External of shared_ptr<AttachedSession>, which only Wrap can make.
  explicit NativeSession(const Napi::CallbackInfo& info);
  ~NativeSession() override;

 private:
  Napi::Value Info(const Napi::CallbackInfo& info);
  Napi::Value Providers(const Napi::CallbackInfo& info);
  Napi::Value Run(const Napi::CallbackInfo& info);
  Napi::Value RunSync(const Napi::CallbackInfo& info);
  Napi::Value Bind(const Napi::CallbackInfo& info);
  Napi::Value Share(const Napi::CallbackInfo& info);
  Napi::Value Release(const Napi::CallbackInfo& info);
  Napi::Value HasAwaitedRuns(const Napi::CallbackInfo& info);
  Napi::Value ResetVariables(const Napi::CallbackInfo& info);
  Napi::Value ResetVariablesSync(const Napi::CallbackInfo& info);
  Napi::Value Profile(const Napi::CallbackInfo& info);  // profile_job.cc
  Napi::Value EndProfiling(const Napi::CallbackInfo& info);

  /// A function of the core as a method.
  template <auto Function>
  Napi::Value OfCore(const Napi::CallbackInfo& info) {
    return Function(core(), info);
  }
  template <auto Function>
  Napi::Value OfSession(const Napi::CallbackInfo& info) {
    return Function(*attached_, info);
  }
  template <auto Function>
  static napi_property_descriptor CoreMethod(const char* name) {
    return SafeMethod<&NativeSession::OfCore<Function>>(name);
  }

  /// The same of this JavaScript session's own part.
  template <auto Function>
  static napi_property_descriptor SessionMethod(const char* name) {
    return SafeMethod<&NativeSession::OfSession<Function>>(name);
  }

  SessionCore& core() const { return attached_->core(); }
  void RequireOpen(Napi::Env env);
  /// The session's memory is reported to V8 once: by the first thread and, when that has let go,
  /// by the next one that uses the session.
  void ReportMemory(Napi::Env env);
  void TakeBackReport(Napi::Env env);

  std::shared_ptr<const EnvironmentState> environment_;
  std::shared_ptr<AttachedSession> attached_;
  bool reports_memory_ = false;
};

/// attachSession(token): [NativeSession, description] of a session that was shared.
Napi::Value AttachSession(const Napi::CallbackInfo& info);

}  // namespace onlite
