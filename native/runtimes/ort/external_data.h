#pragma once

#include <map>
#include <string>

#include "core/status.h"
#include "runtimes/ort/model_scan.h"
#include "runtimes/runtime.h"

namespace onlite::ort {

/// The bytes of each `location` a model refers to.
using ExternalFiles = std::map<std::string, SharedBytes>;

/// Finds the data of every external tensor of the scan: among what the caller
/// passed (`source.external_data`), else in the folder of `source.path`, never
/// outside of it. All ranges are checked against the files' sizes.
Status LoadExternalData(const ModelScan& scan, const ModelSource& source, ExternalFiles* files);

}  // namespace onlite::ort
