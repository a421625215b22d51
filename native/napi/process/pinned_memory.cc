#include "napi/process/pinned_memory.h"

#include <string>

#include "napi/convert/errors.h"
#include "napi/environment/environment.h"
#include "runtimes/cuda_driver.h"

namespace onlite {
namespace {

/// Unlike node-addon-api's, this takes views of a SharedArrayBuffer.
size_t ReadBytes(Napi::Env env, const Napi::Value& view, void** memory) {
  napi_typedarray_type type = napi_int8_array;
  size_t length = 0;
  if (!view.IsTypedArray() ||
      napi_get_typedarray_info(env, view, &type, &length, memory, nullptr, nullptr) != napi_ok ||
      type != napi_uint8_array) {
    ThrowInvalidArgument(env, "memory: expected a Uint8Array");
  }
  return length;
}

}  // namespace

void PinnedMemory::Unpin(void* memory) {
  if (pinned_.erase(memory) > 0) UnpinMemory(memory);
}

void PinnedMemory::UnpinAll() {
  for (void* const memory : pinned_) UnpinMemory(memory);
  pinned_.clear();
}

Napi::Value PinMemoryOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[1].IsString()) ThrowInvalidArgument(env, "library: expected a string");
  const std::string library = info[1].As<Napi::String>();
  void* memory = nullptr;
  const size_t bytes = ReadBytes(env, info[0], &memory);
  Check(env, PinMemory(library, memory, bytes));
  if (bytes > 0) Environment::Of(env).pinned.Add(memory);
  return env.Undefined();
}

Napi::Value UnpinMemoryOf(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  void* memory = nullptr;
  static_cast<void>(ReadBytes(env, info[0], &memory));
  Environment::Of(env).pinned.Unpin(memory);
  return env.Undefined();
}

}  // namespace onlite
