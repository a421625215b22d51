#include "napi/run/held_result.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "napi/convert/errors.h"
#include "napi/convert/tensor_arguments.h"
#include "session/memory_policy.h"

namespace onlite {
namespace {

// Marks the Externals of HoldResult, so that a foreign External is refused.
constexpr napi_type_tag kHeldTag = {0x6f6e6c6974652d68ULL, 0x656c642d72657331ULL};

napi_value Hold(Napi::Env env, Value value) {
  auto held = std::make_unique<Value>(std::move(value));
  auto external = Napi::External<Value>::New(
      env, held.get(), [](Napi::Env /*env*/, const Value* owned) { delete owned; });
  static_cast<void>(held.release());  // NOLINT(bugprone-unused-return-value): the External's now
  Check(env, napi_type_tag_object(env, external, &kHeldTag));
  return external;
}

}  // namespace

napi_value HoldResult(Napi::Env env, const RunRequest& request, Value value) {
  if (!CanBeHeld(request, value)) return ValueToJs(env, value);
  const TensorView tensor = value.tensor;
  Napi::Array encoded(env, TensorToJs(env, tensor, Hold(env, std::move(value))));
  encoded.Set(0U, 4);
  return encoded;
}

Napi::Value TakeResult(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  bool genuine = false;
  if (info[0].IsExternal()) {
    Check(env, napi_check_object_type_tag(env, info[0], &kHeldTag, &genuine));
  }
  if (!genuine) ThrowInvalidArgument(env, "result: expected one that a run has left");
  if (!info[1].IsTypedArray()) ThrowInvalidArgument(env, "array: expected a typed array");
  Value* const held = info[0].As<Napi::External<Value>>().Data();
  if (!held->owner) ThrowInvalidArgument(env, "result: it has been taken");
  void* data = nullptr;
  const size_t bytes = TypedArrayBytes(env, info[1], &data);
  if (bytes != held->tensor.byte_length) {
    ThrowInvalidArgument(env, "array: " + std::to_string(bytes) + " bytes for a result of " +
                                  std::to_string(held->tensor.byte_length));
  }
  if (bytes > 0) std::memcpy(data, held->tensor.data, bytes);
  *held = {};
  return env.Undefined();
}

}  // namespace onlite
