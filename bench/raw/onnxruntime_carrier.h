#pragma once

#include <memory>

#include "backend.h"
#include "runtimes/ort/library.h"

namespace onlite::bench {

/// A runner whose Run() is a whole sequence of runs that carry state, by the C API alone.
std::unique_ptr<Runner> MakeOrtCarrier(OrtSession* session, const CarryPlan& plan);

}  // namespace onlite::bench
