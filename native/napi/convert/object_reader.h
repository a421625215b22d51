#pragma once

#include <napi.h>

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "napi/convert/errors.h"

namespace onlite {

/// Reads the plain objects that TypeScript builds for native calls: their own
/// properties, since a polluted prototype may have any. TypeScript
/// has validated them for good messages; a value of the wrong type is still
/// refused with ERR_INVALID_ARGUMENT.
class ObjectReader {
 public:
  ObjectReader(Napi::Env env, const Napi::Value& value, const char* what) : env_(env), what_(what) {
    if (!value.IsObject()) Refuse("", "an object");
    object_ = value.As<Napi::Object>();
  }

  bool Has(const char* key) const { return !Get(key).IsUndefined(); }

  Napi::Value Get(const char* key) const {
    const auto name = Napi::String::New(env_, key);
    bool own = false;
    Check(env_, napi_has_own_property(env_, object_, name, &own));
    return own ? object_.Get(name) : env_.Undefined();
  }

  std::string String(const char* key) const {
    const Napi::Value value = Get(key);
    if (value.IsUndefined()) return {};
    if (!value.IsString()) Refuse(key, "a string");
    return value.As<Napi::String>().Utf8Value();
  }

  bool Bool(const char* key) const { return Get(key).ToBoolean(); }

  std::optional<bool> OptionalBool(const char* key) const {
    if (!Has(key)) return std::nullopt;
    return Bool(key);
  }

  int Int(const char* key, int otherwise) const {
    const Napi::Value value = Get(key);
    if (value.IsUndefined()) return otherwise;
    if (!value.IsNumber()) Refuse(key, "a number");
    return value.As<Napi::Number>().Int32Value();
  }

  /// A number of bytes.
  size_t Size(const char* key, size_t otherwise) const {
    const Napi::Value value = Get(key);
    if (value.IsUndefined()) return otherwise;
    const double number = value.IsNumber() ? value.As<Napi::Number>().DoubleValue() : -1;
    if (!(number >= 0 && number <= 9007199254740991.0)) Refuse(key, "a number of bytes");
    return static_cast<size_t>(number);
  }

  /// An array, empty when the key is missing.
  std::vector<Napi::Value> Array(const char* key) const {
    const Napi::Value value = Get(key);
    if (value.IsUndefined()) return {};
    if (!value.IsArray()) Refuse(key, "an array");
    const auto array = value.As<Napi::Array>();
    std::vector<Napi::Value> items;
    for (uint32_t index = 0; index < array.Length(); ++index) {
      // NOLINTNEXTLINE(performance-inefficient-vector-operation): any length may be claimed.
      items.push_back(array.Get(index));
    }
    return items;
  }

  /// [[name, text], …] as pairs.
  std::vector<std::pair<std::string, std::string>> StringPairs(const char* key) const {
    std::vector<std::pair<std::string, std::string>> pairs;
    for (const Napi::Value& item : Array(key)) {
      if (!item.IsArray()) Refuse(key, "pairs");
      const auto pair = item.As<Napi::Array>();
      pairs.emplace_back(pair.Get(0U).ToString().Utf8Value(), pair.Get(1U).ToString().Utf8Value());
    }
    return pairs;
  }

  [[noreturn]] void Refuse(const std::string& key, const std::string& expected) const {
    ThrowInvalidArgument(
        env_, std::string(what_) + (key.empty() ? "" : "." + key) + ": expected " + expected);
  }

 private:
  Napi::Env env_;
  const char* what_;
  Napi::Object object_;
};

}  // namespace onlite
