#pragma once

#include <vector>

#include "core/status.h"
#include "runtimes/run_request.h"
#include "runtimes/tflite/model/model_info.h"

namespace onlite::tflite {

/// Checks one input's type, dims and byte length.
Status CheckInput(const ModelInfo& info, size_t signature, size_t index, const TensorView& feed);

/// Checks everything about a request that can be told without the runtime:
/// indices, that every input is there once, types, dims and byte lengths.
/// Gives the feeds in the order of the entry point's inputs.
Status CheckRequest(const ModelInfo& info, const RunRequest& request,
                    std::vector<const TensorView*>* feeds);

}  // namespace onlite::tflite
