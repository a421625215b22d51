#pragma once

#include "core/status.h"
#include "runtimes/run_request.h"
#include "runtimes/session_info.h"

namespace onlite::ort {

/// Everything about a request's inputs and outputs that can be checked before
/// the run: what the runtime sees afterwards is of the right type, within its
/// memory and agrees with the model's declared dims.
Status CheckRequest(const SignatureInfo& signature, const RunRequest& request);

/// The same for one input.
Status CheckInput(const SignatureInfo& signature, size_t index, const TensorView& tensor);

/// The same for memory that one output is written to.
Status CheckOutput(const SignatureInfo& signature, size_t index, const TensorView& memory);

}  // namespace onlite::ort
