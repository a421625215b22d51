#pragma once

#include "core/status.h"
#include "runtimes/ort/handles.h"
#include "runtimes/run_request.h"

namespace onlite::ort {

/// Makes the runtime's run options, or leaves `*result` null when the request
/// asks for nothing that needs them: the cheapest run has none.
Status MakeRunOptions(const RunRequest& request, RunOptionsHandle* result);

}  // namespace onlite::ort
