#pragma once

#include <memory>
#include <vector>

#include "core/status.h"
#include "runtimes/tflite/model/model.h"
#include "runtimes/tflite/providers.h"
#include "runtimes/tflite/xnnpack/stand_ins.h"

namespace onlite::tflite {

/// Finds operators of the subgraphs that can be run which neither the library's
/// kernels nor a planned delegate has. kUnsupported names the first. Where only
/// XNNPACK has one, plans without it are taken out, and the trial interpreters
/// need the stand-ins; else there are none.
Status CheckCustomOperators(const Model& model, std::vector<ProviderPlan>* plans,
                            std::unique_ptr<StandIns>* stand_ins);

/// For a model that the library will not make an interpreter of: kUnsupported if
/// it lists a built-in operator, or a version of one, that the library does not
/// have. Else Ok: it is something else.
Status FindUnknownBuiltin(const Model& model);

}  // namespace onlite::tflite
