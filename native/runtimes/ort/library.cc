#include "runtimes/ort/library.h"

#include <algorithm>
#include <atomic>
#include <charconv>
#include <memory>
#include <string_view>

#include "runtimes/dynamic_library.h"

namespace onlite::ort {
namespace {

std::atomic<const Api*> functions{nullptr};
std::atomic<const ApiBase*> api_base{nullptr};

/// The C API version is the minor version of the library: "1.30.0" has API 30.
/// 0 if the string is not of that form.
uint32_t ApiVersionOf(std::string_view version) {
  const size_t dot = version.find('.');
  if (version.substr(0, dot) != "1" || dot == std::string_view::npos) return 0;
  uint32_t minor = 0;
  const char* begin = version.data() + dot + 1;
  const auto [end, error] = std::from_chars(begin, version.data() + version.size(), minor);
  return error == std::errc() && end != begin ? minor : 0;
}

}  // namespace

const Api& Functions() { return *functions.load(std::memory_order_acquire); }

const ApiBase* Base() { return api_base.load(std::memory_order_acquire); }

Status OpenLibrary(const std::string& path, std::string* version) {
  std::unique_ptr<DynamicLibrary> library;
  ONLITE_RETURN_IF_ERROR(DynamicLibrary::Open(path, &library));

  GetApiBaseFunction* get_api_base = nullptr;
  if (!library->Resolve("OrtGetApiBase", &get_api_base)) {
    return {ErrorCode::kRuntimeNotFound,
            path + " is not an ONNX Runtime library: it does not export OrtGetApiBase"};
  }
  const ApiBase* base = get_api_base();
  const char* reported = base != nullptr ? base->GetVersionString() : nullptr;
  *version = reported != nullptr ? reported : "";
  const uint32_t offered = ApiVersionOf(*version);
  if (offered < kMinimumApiVersion) {
    return {ErrorCode::kRuntimeNotFound, path + " is ONNX Runtime " + *version +
                                             "; onlite needs 1." +
                                             std::to_string(kMinimumApiVersion) + " or newer"};
  }
  // GetApi writes to stderr when it is asked for more than it has.
  const uint32_t asked = std::min(offered, kNewestApiVersion);
  const void* table = base->GetApi(asked);
  if (table == nullptr) {
    return {ErrorCode::kRuntimeNotFound,
            path + " (ONNX Runtime " + *version + ") refuses its own API version"};
  }
  api_base.store(base, std::memory_order_release);
  // Never freed: runs may use it until the process ends.
  functions.store(new Api(Api::FromTable(table, asked)), std::memory_order_release);
  return Status::Ok();
}

}  // namespace onlite::ort
