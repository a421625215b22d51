#pragma once

#include <string_view>

#include "core/status.h"
#include "runtimes/ort/api_types.h"

namespace onlite::ort {

/// What was being done when the C API failed: the same code means different
/// things to a caller.
enum class Stage { kConfigure, kCreate, kRun };

/// Takes ownership of `status` (null is OK) and gives `message` as ours, the
/// runtime's own message as the cause.
Status Check(OrtStatus* status, Stage stage, std::string_view message);

/// Of a call that binds a tensor or reads what is bound.
inline Status Bound(OrtStatus* status) {
  return Check(status, Stage::kRun, "cannot bind a tensor");
}

}  // namespace onlite::ort

/// Returns from the enclosing function when a C API call fails; only then is
/// `message` evaluated.
#define ONLITE_ORT_RETURN_IF_ERROR(call, stage, message)                  \
  do {                                                                    \
    if (OrtStatus* onlite_ort_status = (call)) {                          \
      return ::onlite::ort::Check(onlite_ort_status, (stage), (message)); \
    }                                                                     \
  } while (false)
