#pragma once

#include <vector>

#include "core/status.h"
#include "runtimes/session_options.h"
#include "runtimes/tflite/library.h"

namespace onlite::tflite {

/// A way to run a model that may be tried.
struct ProviderPlan {
  bool xnnpack = false;
  int threads = 1;
};

/// What to try, in order, for the providers that were asked for: "xnnpack" with
/// its option numThreads, and "cpu", the built-in kernels. One that is not there
/// is left out if another follows it, else kProviderUnavailable. Nothing asked:
/// XNNPACK and then the built-in kernels.
Status PlanProviders(const Library& library, const SessionOptions& options,
                     std::vector<ProviderPlan>* plans);

}  // namespace onlite::tflite
