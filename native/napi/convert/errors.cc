#include "napi/convert/errors.h"

#include <exception>

#include "napi/environment/environment.h"

namespace onlite {

namespace {

/// For a status that could not have words of its own.
const char* DefaultMessage(ErrorCode code) {
  return code == ErrorCode::kOutOfMemory ? "out of memory" : "the operation failed";
}

}  // namespace

Napi::Value ToJsError(Napi::Env env, const Status& status) {
  const Napi::Function make_error = Environment::Of(env).make_error();
  const auto code = Napi::String::New(env, ErrorCodeName(status.code()));
  const auto message = status.message().empty()
                           ? Napi::String::New(env, DefaultMessage(status.code()))
                           : Napi::String::New(env, status.message());
  if (status.cause().empty()) return make_error.Call({code, message});
  return make_error.Call({code, message, Napi::String::New(env, status.cause())});
}

void ThrowHandled(napi_env env) {
  try {
    try {
      throw;
    } catch (const std::bad_alloc&) {
      ThrowStatus(env, OutOfMemory());
    }
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
  } catch (const std::exception& error) {
    Napi::Error::New(env, error.what()).ThrowAsJavaScriptException();
  }
}

// node-addon-api has made a nameless Error by the time that we hear of it.
Napi::Object Construct(Napi::Env env, const Napi::FunctionReference& class_reference,
                       const std::initializer_list<napi_value>& arguments) {
  try {
    return class_reference.New(arguments);
  } catch (const Napi::Error& error) {
    if (error.Message() != std::bad_alloc().what()) throw;
  }
  ThrowStatus(env, OutOfMemory());
}

void ThrowStatus(Napi::Env env, const Status& status) { throw StatusError(env, status); }

void ThrowInvalidArgument(Napi::Env env, const std::string& message) {
  ThrowStatus(env, {ErrorCode::kInvalidArgument, message});
}

}  // namespace onlite
