#include "runtimes/ort/custom_ops.h"

#include <memory>

#include "runtimes/dynamic_library.h"
#include "runtimes/ort/library.h"
#include "runtimes/ort/status.h"

namespace onlite::ort {
namespace {

/// What a library of custom operators exports (onnxruntime_c_api.h).
using RegisterFunction = OrtStatus* ONLITE_ORT_CALL(OrtSessionOptions*, const ApiBase*);

Status Refused(size_t index, const std::string& what, std::string cause = {}) {
  return {ErrorCode::kInvalidArgument, "options.customOps[" + std::to_string(index) + "]: " + what,
          std::move(cause)};
}

}  // namespace

Status RegisterCustomOps(const std::vector<std::string>& libraries, OrtSessionOptions* options) {
  for (size_t index = 0; index < libraries.size(); ++index) {
    const std::string& path = libraries[index];
    std::unique_ptr<DynamicLibrary> library;
    const Status opened = DynamicLibrary::Open(path, &library);
    if (!opened.ok()) return Refused(index, opened.message(), opened.cause());
    RegisterFunction* register_ops = nullptr;
    if (!library->Resolve("RegisterCustomOps", &register_ops)) {
      return Refused(index, path + " does not export RegisterCustomOps");
    }
    if (OrtStatus* status = register_ops(options, Base())) {
      const Status refused = Check(status, Stage::kConfigure, "");
      return Refused(index, path + " cannot register its operators", refused.cause());
    }
  }
  return Status::Ok();
}

}  // namespace onlite::ort
