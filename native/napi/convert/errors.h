#pragma once

#include <napi.h>

#include <initializer_list>
#include <new>
#include <string>

#include "core/status.h"

namespace onlite {

/// An instance of the JavaScript class OnliteError for a status that is not OK.
Napi::Value ToJsError(Napi::Env env, const Status& status);

/// ToJsError's value as a C++ exception.
class StatusError : public Napi::Error {
 public:
  StatusError(Napi::Env env, const Status& status)
      : Napi::Error(env, ToJsError(env, status)), code_(status.code()) {}
  ErrorCode code() const { return code_; }

 private:
  ErrorCode code_;
};

/// Throws a StatusError, which node-addon-api turns into a JavaScript exception.
[[noreturn]] void ThrowStatus(Napi::Env env, const Status& status);

/// Throws unless `status` is OK.
inline void Check(Napi::Env env, const Status& status) {
  if (!status.ok()) ThrowStatus(env, status);
}

/// Throws the pending exception, or a generic error, unless a Node-API call succeeded.
inline void Check(Napi::Env env, napi_status status) {
  if (status != napi_ok) throw Napi::Error::New(env);
}

/// Throws into JavaScript what has just been caught, by `catch (...)`. Memory that could not be had
/// becomes ERR_OUT_OF_MEMORY: node-addon-api would make a nameless Error of it.
void ThrowHandled(napi_env env);

/// A new object of the class, one of the addon's; what ThrowHandled does for its constructor too.
Napi::Object Construct(Napi::Env env, const Napi::FunctionReference& class_reference,
                       const std::initializer_list<napi_value>& arguments);

/// Throws ERR_INVALID_ARGUMENT.
[[noreturn]] void ThrowInvalidArgument(Napi::Env env, const std::string& message);

}  // namespace onlite
