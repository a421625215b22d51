#include "runtimes/ort/status.h"

#include <string>
#include <utility>

#include "runtimes/ort/handles.h"

namespace onlite::ort {
namespace {

/// A result that does not fit the memory given for it. There is no code of its
/// own for it, and the words are others in different versions and places.
bool IsGivenOutputMismatch(std::string_view cause) {
  return cause.find("Shape mismatch attempting to re-use buffer") != std::string_view::npos ||
         cause.find("The output OrtValue provided for output") != std::string_view::npos ||
         cause.find("Tensor size mismatch") != std::string_view::npos;
}

/// Nor is there one for memory that could not be had: of an arena, of malloc, of C++.
bool IsOutOfMemory(std::string_view cause) {
  return cause.find("Failed to allocate memory for requested buffer") != std::string_view::npos ||
         cause.find("bad_alloc") != std::string_view::npos ||
         cause.find("out of memory") != std::string_view::npos;
}

ErrorCode CodeFor(OrtCode code, Stage stage, std::string_view cause) {
  if (IsOutOfMemory(cause)) return ErrorCode::kOutOfMemory;
  if (stage == Stage::kConfigure) return ErrorCode::kInvalidArgument;
  if (stage == Stage::kRun) {
    if (IsGivenOutputMismatch(cause)) return ErrorCode::kShapeMismatch;
    return ErrorCode::kRunFailed;
  }
  switch (code) {
    case kOrtNoSuchFile: return ErrorCode::kModelNotFound;
    case kOrtEpFail: return ErrorCode::kProviderUnavailable;
    case kOrtNotImplemented: return ErrorCode::kUnsupported;
    default: return ErrorCode::kModelInvalid;
  }
}

}  // namespace

Status Check(OrtStatus* status, Stage stage, std::string_view message) {
  if (status == nullptr) return Status::Ok();
  const StatusHandle owned(status);
  const char* text = Functions().GetErrorMessage(status);
  std::string cause = text != nullptr ? text : "";
  const ErrorCode code = CodeFor(Functions().GetErrorCode(status), stage, cause);
  return {code, std::string(message), std::move(cause)};
}

}  // namespace onlite::ort
