#include "napi/process/runtime_functions.h"

#include <string>
#include <utility>

#include "napi/convert/errors.h"
#include "napi/convert/session_info.h"

namespace onlite {
namespace {

Engine ReadEngine(Napi::Env env, const Napi::Value& value) {
  const std::string name = value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
  for (const Engine engine : {Engine::kOnnxRuntime, Engine::kTfLite}) {
    if (name == EngineName(engine)) return engine;
  }
  ThrowInvalidArgument(env, "engine: expected 'onnxruntime' or 'tflite'");
}

}  // namespace

Runtime& RuntimeOf(Engine engine) {
  return engine == Engine::kTfLite ? TfLiteRuntime() : OnnxRuntime();
}

std::vector<LibraryCandidate> ReadCandidates(Napi::Env env, const Napi::Value& value) {
  if (!value.IsArray()) ThrowInvalidArgument(env, "candidates: expected an array");
  const auto array = value.As<Napi::Array>();
  std::vector<LibraryCandidate> candidates;
  for (uint32_t index = 0; index < array.Length(); ++index) {
    const Napi::Value item = array.Get(index);
    if (!item.IsArray()) ThrowInvalidArgument(env, "candidates: expected arrays");
    const auto pair = item.As<Napi::Array>();
    LibraryCandidate candidate = {
        pair.Get(0U).ToString().Utf8Value(), pair.Get(1U).ToString().Utf8Value(), {}};
    // Beyond the end an array has what a polluted prototype has.
    if (pair.Length() > 2 && pair.Get(2U).IsArray()) {
      const auto dependencies = pair.Get(2U).As<Napi::Array>();
      for (uint32_t at = 0; at < dependencies.Length(); ++at) {
        candidate.dependencies.push_back(dependencies.Get(at).ToString().Utf8Value());
      }
    }
    candidates.push_back(std::move(candidate));
  }
  return candidates;
}

Napi::Value LoadRuntime(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Check(env, RuntimeOf(ReadEngine(env, info[0])).Load(ReadCandidates(env, info[1])));
  return env.Undefined();
}

Napi::Value DescribeRuntime(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return RuntimeDescriptionToJs(env, RuntimeOf(ReadEngine(env, info[0])).Describe());
}

}  // namespace onlite
