#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "runtimes/ort/api_types.h"

namespace onlite::ort {

/// Opens each library, which is never closed, and has it register its operators with
/// the options by its entry point RegisterCustomOps. kInvalidArgument names the
/// library that is none.
Status RegisterCustomOps(const std::vector<std::string>& libraries, OrtSessionOptions* options);

}  // namespace onlite::ort
