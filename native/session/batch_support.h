#pragma once

#include <cstddef>

#include "core/status.h"
#include "runtimes/run_request.h"
#include "runtimes/session_info.h"
#include "session/session_core.h"

namespace onlite {

/// Whether a model's runs may be batched: no variables, and every input and
/// output is a tensor with a dynamic first dimension whose rows are whole
/// bytes. Where first dimensions have names it is one name, as only equal names
/// promise that a row of an output belongs to a row of the inputs. kUnsupported
/// names what is not so.
Status CheckBatching(const SessionInfo& info);

/// The rows of a run that may join a batch of the session; 0 for one that is
/// run by itself: it has options of its own, is a warm-up, is too large, or is
/// not what the model declares (then the runtime's adapter has the message), or the
/// model has made other rows than it was given.
size_t BatchRows(const SessionCore& core, const RunRequest& request, bool is_warm_up);

}  // namespace onlite
