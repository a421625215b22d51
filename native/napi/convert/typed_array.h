#pragma once

#include <napi.h>

#include <cstddef>

namespace onlite {

/// Where a typed array's elements are, until JavaScript runs again.
struct TypedArrayMemory {
  void* data = nullptr;
  size_t byte_length = 0;
  /// Of a SharedArrayBuffer: other threads may write it at any time.
  bool shared = false;
  napi_value buffer = nullptr;
};

/// Throws ERR_INVALID_ARGUMENT for anything else, ERR_BUFFER_DETACHED.
///
/// @param what - what the array is, for the message
TypedArrayMemory ReadTypedArray(Napi::Env env, napi_value value, const char* what);

/// The length in bytes of a typed array now, 0 if it is detached, and its memory.
size_t TypedArrayBytes(Napi::Env env, napi_value array, void** data);

/// A new ArrayBuffer; throws ERR_OUT_OF_MEMORY.
napi_value NewArrayBuffer(Napi::Env env, size_t bytes, void** memory);

}  // namespace onlite
