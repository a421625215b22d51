#pragma once

#include <napi.h>

#include "napi/convert/errors.h"

namespace onlite {

/// Methods on Node-API itself, for calls so short that node-addon-api's wrapper
/// would be a tenth of them.

inline napi_property_descriptor RawMethod(const char* name, napi_callback call) {
  napi_property_descriptor descriptor = {};
  descriptor.utf8name = name;
  descriptor.method = call;
  descriptor.attributes = napi_default_method;
  return descriptor;
}

/// The object that wraps the receiver, and the first argument or undefined; null
/// with an exception pending if there is none. Node-API checks the receiver's class.
template <typename Wrapped>
Wrapped* Receiver(napi_env env, napi_callback_info info, napi_value* argument = nullptr) {
  size_t count = argument == nullptr ? 0 : 1;
  napi_value receiver = nullptr;
  void* wrapped = nullptr;
  if (napi_get_cb_info(env, info, &count, argument, &receiver, nullptr) != napi_ok ||
      napi_unwrap(env, receiver, &wrapped) != napi_ok) {
    return nullptr;
  }
  return static_cast<Wrapped*>(wrapped);
}

/// Throws into JavaScript what `call` throws.
template <typename Call>
napi_value CallSafely(napi_env env, const Call& call) {
  try {
    return call();
  } catch (...) {
    ThrowHandled(env);
  }
  return nullptr;
}

using AddonFunction = Napi::Value (*)(const Napi::CallbackInfo&);

/// The same, for a function on node-addon-api. Not a template, nor its handlers: there are a
/// hundred functions and methods.
napi_value CallSafely(napi_env env, napi_callback_info info, AddonFunction function);

template <AddonFunction Called>
napi_value SafeCall(napi_env env, napi_callback_info info) {
  return CallSafely(env, info, Called);
}

/// A function of the addon's, all of whose errors are OnliteErrors.
template <AddonFunction Called>
Napi::PropertyDescriptor SafeFunction(const char* name) {
  napi_property_descriptor descriptor = RawMethod(name, &SafeCall<Called>);
  descriptor.attributes = napi_default_jsproperty;
  return {descriptor};
}

template <auto Method>
struct MethodOf;

template <typename Wrapped, Napi::Value (Wrapped::*Method)(const Napi::CallbackInfo&)>
struct MethodOf<Method> {
  static Napi::Value Call(const Napi::CallbackInfo& info) {
    Wrapped* const object = Wrapped::Unwrap(info.This().As<Napi::Object>());
    return (object->*Method)(info);
  }
};

/// A member function `Napi::Value (const Napi::CallbackInfo&)` as a method, all of whose errors
/// are OnliteErrors.
template <auto Method>
napi_property_descriptor SafeMethod(const char* name) {
  napi_property_descriptor descriptor = RawMethod(name, &SafeCall<&MethodOf<Method>::Call>);
  descriptor.attributes = napi_default;
  return descriptor;
}

/// A method that hands its first argument to `object->Start(env, argument)`.
template <typename Wrapped>
napi_value StartMethod(napi_env env, napi_callback_info info) {
  napi_value argument = nullptr;
  auto* const object = Receiver<Wrapped>(env, info, &argument);
  if (object == nullptr) return nullptr;
  return CallSafely(env, [&]() -> napi_value {
    object->Start(env, argument);
    return nullptr;
  });
}

}  // namespace onlite
