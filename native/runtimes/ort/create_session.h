#pragma once

#include <memory>

#include "core/status.h"
#include "runtimes/model_source.h"
#include "runtimes/ort/environment.h"
#include "runtimes/session.h"
#include "runtimes/session_options.h"

namespace onlite::ort {

/// Creates a session from the source's bytes, or from its file where that holds all of
/// a large model: the runtime then copies the weights once less. Providers that cannot be used
/// are passed over if another one follows them in `options.providers`.
Status CreateOrtSession(const Environment& environment, ModelSource source,
                        const SessionOptions& options, std::unique_ptr<Session>* session);

}  // namespace onlite::ort
