#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "runtimes/ort/external_data.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/model_scan.h"
#include "runtimes/session_options.h"

namespace onlite::ort {

/// Makes the runtime's options of everything in `options` but its providers.
/// `global_pools`: the environment has pools that the session may share; it
/// gets its own when it asks for a number of threads or for parallel execution.
/// The bytes in `external` must stay as they are for as long as the session lives.
Status MakeSessionOptions(const SessionOptions& options, bool global_pools,
                          const ExternalData& external, SessionOptionsHandle* result);

/// kInvalidArgument for an override of a dimension the model does not have;
/// ONNX Runtime ignores such a name.
Status CheckFreeDimensions(const SessionOptions& options, const ModelScan& scan);

}  // namespace onlite::ort
