#pragma once

#include <napi.h>

#include <cstdint>
#include <memory>

#include "napi/convert/errors.h"

namespace onlite {

inline bool HasTag(Napi::Env env, const Napi::Value& value, const napi_type_tag& tag) {
  bool genuine = false;
  if (value.IsObject() || value.IsExternal()) {
    Check(env, napi_check_object_type_tag(env, value, &tag, &genuine));
  }
  return genuine;
}

/// Externals of one type that are marked as ours, so that a foreign one is refused.
template <typename T>
class Tagged {
 public:
  /// The tag's halves, which no other type has.
  constexpr Tagged(uint64_t lower, uint64_t upper) : tag_{lower, upper} {}

  /// An External of what outlives its use.
  Napi::External<T> Refer(Napi::Env env, T* value) const {
    return Mark(env, Napi::External<T>::New(env, value));
  }

  /// An External that takes the value with it.
  Napi::External<T> Own(Napi::Env env, std::unique_ptr<T> value) const {
    const auto external =
        Napi::External<T>::New(env, value.get(), [](Napi::Env, const T* owned) { delete owned; });
    static_cast<void>(value.release());  // NOLINT(bugprone-unused-return-value): the External's now
    return Mark(env, external);
  }

  /// What such an External refers to; null for any other value.
  T* Read(Napi::Env env, const Napi::Value& value) const {
    if (!value.IsExternal() || !HasTag(env, value, tag_)) return nullptr;
    return value.As<Napi::External<T>>().Data();
  }

 private:
  Napi::External<T> Mark(Napi::Env env, const Napi::External<T>& external) const {
    Check(env, napi_type_tag_object(env, external, &tag_));
    return external;
  }

  napi_type_tag tag_;
};

}  // namespace onlite
