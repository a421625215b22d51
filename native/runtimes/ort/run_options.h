#pragma once

#include "core/status.h"
#include "runtimes/ort/handles.h"
#include "runtimes/run_request.h"

namespace onlite::ort {

/// The run configuration entry that names the graph which a run is captured in and replayed from,
/// and the name of none.
constexpr const char* kGraphId = "gpu_graph_id";
constexpr const char* kNoGraph = "-1";

/// Makes the runtime's run options, or leaves `*result` null when the request
/// asks for nothing that needs them: the cheapest run has none.
Status MakeRunOptions(const RunRequest& request, RunOptionsHandle* result);

/// The same for a session that captures its runs: this one is not, since its tensors lie elsewhere
/// each time.
Status MakeRunOptionsWithoutGraph(const RunRequest& request, RunOptionsHandle* result);

}  // namespace onlite::ort
