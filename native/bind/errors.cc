#include "bind/errors.h"

#include "bind/environment.h"

namespace onlite {

Napi::Value ToJsError(Napi::Env env, const Status& status) {
  const Napi::Function error_class = Environment::Of(env).error_class();
  const auto code = Napi::String::New(env, ErrorCodeName(status.code()));
  const auto message = Napi::String::New(env, status.message());
  if (status.cause().empty()) return error_class.New({code, message});
  Napi::Object options = Napi::Object::New(env);
  options["cause"] = Napi::Error::New(env, status.cause()).Value();
  return error_class.New({code, message, options});
}

void ThrowStatus(Napi::Env env, const Status& status) { throw StatusError(env, status); }

void ThrowInvalidArgument(Napi::Env env, const std::string& message) {
  ThrowStatus(env, {ErrorCode::kInvalidArgument, message});
}

}  // namespace onlite
