#include "napi/run/held_result.h"

#include <cstring>
#include <memory>
#include <string>
#include <utility>

#include "napi/convert/errors.h"
#include "napi/convert/tagged.h"
#include "napi/convert/tensor_arguments.h"
#include "session/memory_policy.h"

namespace onlite {
namespace {

constexpr Tagged<Value> kHeld(0x6f6e6c6974652d68ULL, 0x656c642d72657331ULL);

}  // namespace

napi_value HoldResult(Napi::Env env, const RunRequest& request, Value value) {
  if (!CanBeHeld(request, value)) return ValueToJs(env, value);
  const TensorView tensor = value.tensor;
  Napi::Array encoded(
      env, TensorToJs(env, tensor, kHeld.Own(env, std::make_unique<Value>(std::move(value)))));
  encoded.Set(0U, 4);
  return encoded;
}

Napi::Value TakeResult(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Value* const held = kHeld.Read(env, info[0]);
  if (held == nullptr) ThrowInvalidArgument(env, "result: expected one that a run has left");
  if (!info[1].IsTypedArray()) ThrowInvalidArgument(env, "array: expected a typed array");
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
