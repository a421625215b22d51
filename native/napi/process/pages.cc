#include "napi/process/pages.h"

#include <cstddef>
#include <cstdint>

#include "napi/convert/errors.h"
#include "napi/convert/typed_array.h"

#if defined(_WIN32)
#include <windows.h>
#else
#include <sys/mman.h>
#include <unistd.h>
#endif

namespace onlite {
namespace {

size_t PageSize() {
#if defined(_WIN32)
  SYSTEM_INFO system;
  GetSystemInfo(&system);
  return system.dwPageSize;
#else
  const auto size = sysconf(_SC_PAGESIZE);
  return size > 0 ? static_cast<size_t>(size) : 0;
#endif
}

bool Discard(void* begin, size_t bytes) {
#if defined(_WIN32)
  return VirtualAlloc(begin, bytes, MEM_RESET, PAGE_READWRITE) != nullptr;
#elif defined(__APPLE__)
  // MADV_DONTNEED keeps the pages there.
  return madvise(begin, bytes, MADV_FREE) == 0;
#else
  return madvise(begin, bytes, MADV_DONTNEED) == 0;
#endif
}

}  // namespace

Napi::Value DiscardPages(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray()) ThrowInvalidArgument(env, "memory: expected a Uint8Array");
  napi_typedarray_type type = napi_uint8_array;
  size_t length = 0;
  void* data = nullptr;
  // Unlike node-addon-api's, this takes views of a SharedArrayBuffer.
  Check(env, napi_get_typedarray_info(env, info[0], &type, &length, &data, nullptr, nullptr));
  if (type != napi_uint8_array) ThrowInvalidArgument(env, "memory: expected a Uint8Array");

  const size_t page = PageSize();
  if (data == nullptr || page == 0 || length < page) return Napi::Number::New(env, 0);
  const size_t before_first_page = (page - reinterpret_cast<uintptr_t>(data) % page) % page;
  if (length - before_first_page < page) return Napi::Number::New(env, 0);
  const size_t bytes = (length - before_first_page) / page * page;
  const bool discarded = Discard(static_cast<std::byte*>(data) + before_first_page, bytes);
  return Napi::Number::New(env, discarded ? static_cast<double>(bytes) : 0);
}

Napi::Value ReleaseBytes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const TypedArrayMemory array = ReadTypedArray(env, info[0], "bytes");
  bool released = false;
  if (!array.shared) {
    size_t length = 0;
    void* data = nullptr;
    Check(env, napi_get_arraybuffer_info(env, array.buffer, &data, &length));
    const bool whole = length > 0 && length == array.byte_length;
    // Fails for what cannot be detached, such as a WebAssembly.Memory's.
    released = whole && napi_detach_arraybuffer(env, array.buffer) == napi_ok;
  }
  return Napi::Boolean::New(env, released);
}

}  // namespace onlite
