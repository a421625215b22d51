#include "bind/errors.h"

#include "bind/environment.h"

namespace onlite {

Napi::Value ToJsError(Napi::Env env, const Status& status) {
  const Napi::Function make_error = Environment::Of(env).make_error();
  const auto code = Napi::String::New(env, ErrorCodeName(status.code()));
  const auto message = Napi::String::New(env, status.message());
  if (status.cause().empty()) return make_error.Call({code, message});
  return make_error.Call({code, message, Napi::String::New(env, status.cause())});
}

void ThrowStatus(Napi::Env env, const Status& status) { throw StatusError(env, status); }

void ThrowInvalidArgument(Napi::Env env, const std::string& message) {
  ThrowStatus(env, {ErrorCode::kInvalidArgument, message});
}

}  // namespace onlite
