#pragma once

#include <string>

#include "core/status.h"
#include "runtimes/ort/api.h"

namespace onlite::ort {

/// The loaded library's functions. Only after OpenLibrary succeeded; they stay
/// valid until the process ends, because the library is never closed.
const Api& Functions();

/// The loaded library's entry, for what is handed it (custom_ops.h). As Functions.
const ApiBase* Base();

/// Opens the library at `path` (UTF-8) and publishes its functions, sets
/// `*version` to its own version string. A library that is older than
/// kMinimumApiVersion is refused; of a newer one the part we know is used.
/// Call under the runtime's lock; never again after it succeeded.
Status OpenLibrary(const std::string& path, std::string* version);

}  // namespace onlite::ort
