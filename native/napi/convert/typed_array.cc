#include "napi/convert/typed_array.h"

#include <string>

#include "napi/convert/errors.h"
#include "napi/environment/environment.h"

namespace onlite {
namespace {

/// From so many bytes on memory for a result is had from JavaScript's ArrayBuffer, which
/// throws where there is none. V8's own function ends the process then, and is quicker.
constexpr size_t kMayBeMissing = size_t{64} << 10;

size_t BytesPerElement(napi_typedarray_type type) {
  switch (type) {
    case napi_int8_array:
    case napi_uint8_array:
    case napi_uint8_clamped_array: return 1;
    case napi_int16_array:
    case napi_uint16_array: return 2;
    case napi_int32_array:
    case napi_uint32_array:
    case napi_float32_array: return 4;
    case napi_float64_array:
    case napi_bigint64_array:
    case napi_biguint64_array: return 8;
    default: return 0;
  }
}

[[noreturn]] void Refuse(Napi::Env env, const char* what, const char* why) {
  ThrowInvalidArgument(env, std::string(what) + ": " + why);
}

}  // namespace

TypedArrayMemory ReadTypedArray(Napi::Env env, napi_value value, const char* what) {
  bool is_typed_array = false;
  Check(env, napi_is_typedarray(env, value, &is_typed_array));
  if (!is_typed_array) Refuse(env, what, "expected a typed array");
  napi_typedarray_type type{};
  size_t length = 0;
  TypedArrayMemory memory;
  napi_value& buffer = memory.buffer;
  Check(env, napi_get_typedarray_info(env, value, &type, &length, &memory.data, &buffer, nullptr));
  const size_t bytes_per_element = BytesPerElement(type);
  if (bytes_per_element == 0) Refuse(env, what, "unknown typed array");
  memory.byte_length = length * bytes_per_element;
  bool ordinary = false;
  Check(env, napi_is_arraybuffer(env, buffer, &ordinary));
  memory.shared = !ordinary;
  bool detached = false;
  if (ordinary) Check(env, napi_is_detached_arraybuffer(env, buffer, &detached));
  if (detached) {
    ThrowStatus(env, {ErrorCode::kBufferDetached, std::string(what) + ": the buffer is detached"});
  }
  return memory;
}

size_t TypedArrayBytes(Napi::Env env, napi_value array, void** data) {
  napi_typedarray_type type{};
  size_t length = 0;
  Check(env, napi_get_typedarray_info(env, array, &type, &length, data, nullptr, nullptr));
  return length * BytesPerElement(type);
}

napi_value NewArrayBuffer(Napi::Env env, size_t bytes, void** memory) {
  napi_value buffer = nullptr;
  if (bytes < kMayBeMissing) {
    Check(env, napi_create_arraybuffer(env, bytes, memory, &buffer));
    return buffer;
  }
  napi_value length = nullptr;
  Check(env, napi_create_double(env, static_cast<double>(bytes), &length));
  const napi_value constructor = Environment::Of(env).array_buffer_class.Value();
  if (napi_new_instance(env, constructor, 1, &length, &buffer) != napi_ok) {
    napi_value thrown = nullptr;
    Check(env, napi_get_and_clear_last_exception(env, &thrown));
    ThrowStatus(env, {ErrorCode::kOutOfMemory,
                      "out of memory for a result of " + std::to_string(bytes) + " bytes"});
  }
  size_t got = 0;
  Check(env, napi_get_arraybuffer_info(env, buffer, memory, &got));
  if (got < bytes) ThrowStatus(env, {ErrorCode::kRunFailed, "ArrayBuffer has been replaced"});
  return buffer;
}

}  // namespace onlite
