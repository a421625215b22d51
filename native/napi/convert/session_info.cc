#include "napi/convert/session_info.h"

namespace onlite {
namespace {

template <typename Container, typename Convert>
Napi::Array ToArray(Napi::Env env, const Container& container, const Convert& convert) {
  Napi::Array array = Napi::Array::New(env, container.size());
  uint32_t index = 0;
  for (const auto& item : container) array.Set(index++, convert(item));
  return array;
}

Napi::Object ValueInfoToJs(Napi::Env env, const ValueInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("name", info.name);
  object.Set("kind", KindName(info.kind));
  object.Set("type", static_cast<int>(info.type));
  object.Set("optional", info.optional);
  object.Set("overridableInitializer", info.overridable_initializer);
  object.Set("unknownRank", info.unknown_rank);
  object.Set("dims", ToArray(env, info.dims, [env](int64_t dim) {
               return Napi::Number::New(env, static_cast<double>(dim));
             }));
  object.Set("symbols", StringsToArray(env, info.symbols));
  if (info.quantization) {
    Napi::Object quantization = Napi::Object::New(env);
    quantization.Set("scale", ToArray(env, info.quantization->scale, [env](float scale) {
                       return Napi::Number::New(env, scale);
                     }));
    quantization.Set("zeroPoint", ToArray(env, info.quantization->zero_point, [env](int64_t zero) {
                       return Napi::Number::New(env, static_cast<double>(zero));
                     }));
    if (info.quantization->axis) quantization.Set("axis", *info.quantization->axis);
    object.Set("quantization", quantization);
  }
  return object;
}

Napi::Object SignatureToJs(Napi::Env env, const SignatureInfo& signature) {
  const auto convert = [env](const ValueInfo& info) { return ValueInfoToJs(env, info); };
  Napi::Object object = Napi::Object::New(env);
  object.Set("key", signature.key);
  object.Set("inputs", ToArray(env, signature.inputs, convert));
  object.Set("outputs", ToArray(env, signature.outputs, convert));
  return object;
}

template <typename Pairs>
Napi::Array PairsToArray(Napi::Env env, const Pairs& pairs) {
  return ToArray(env, pairs, [env](const auto& entry) {
    return StringsToArray(env, {entry.first, entry.second});
  });
}

Napi::Object MetadataToJs(Napi::Env env, const ModelMetadata& metadata) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("producer", metadata.producer);
  object.Set("graphName", metadata.graph_name);
  object.Set("domain", metadata.domain);
  object.Set("description", metadata.description);
  object.Set("version", Napi::BigInt::New(env, metadata.version));
  object.Set("custom", PairsToArray(env, metadata.custom));
  return object;
}

Napi::Object ProviderDeviceToJs(Napi::Env env, const ProviderDevice& device) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("provider", device.provider);
  object.Set("type", device.type);
  object.Set("vendor", device.vendor);
  object.Set("vendorId", device.vendor_id);
  object.Set("deviceId", device.device_id);
  object.Set("metadata", PairsToArray(env, device.metadata));
  return object;
}

}  // namespace

Napi::Array StringsToArray(Napi::Env env, const std::vector<std::string>& strings) {
  return ToArray(env, strings,
                 [env](const std::string& text) { return Napi::String::New(env, text); });
}

const char* EngineName(Engine engine) {
  return engine == Engine::kTfLite ? "tflite" : "onnxruntime";
}

Napi::Object SessionInfoToJs(Napi::Env env, const SessionInfo& info) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("engine", EngineName(info.engine));
  object.Set("providers", StringsToArray(env, info.providers));
  object.Set("signatures", ToArray(env, info.signatures, [env](const SignatureInfo& signature) {
               return SignatureToJs(env, signature);
             }));
  object.Set("metadata", MetadataToJs(env, info.metadata));
  object.Set("hasVariables", info.has_variables);
  object.Set("capturesGraphs", info.captures_graphs);
  object.Set("concurrency", static_cast<double>(info.concurrency));
  return object;
}

Napi::Object RuntimeDescriptionToJs(Napi::Env env, const RuntimeDescription& description) {
  Napi::Object object = Napi::Object::New(env);
  object.Set("loaded", description.loaded);
  object.Set("path", description.path);
  object.Set("origin", description.origin);
  object.Set("version", description.version);
  object.Set("providers", StringsToArray(env, description.providers));
  object.Set("threadPools", description.thread_pools);
  object.Set("devices", ToArray(env, description.devices, [env](const ProviderDevice& device) {
               return ProviderDeviceToJs(env, device);
             }));
  object.Set("tried", ToArray(env, description.tried, [env](const LibraryAttempt& attempt) {
               Napi::Object entry = Napi::Object::New(env);
               entry.Set("path", attempt.path);
               entry.Set("origin", attempt.origin);
               entry.Set("error", attempt.error);
               return entry;
             }));
  return object;
}

}  // namespace onlite
