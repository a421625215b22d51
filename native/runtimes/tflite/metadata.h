#pragma once

#include "runtimes/runtime.h"
#include "runtimes/tflite/flatbuffer.h"

namespace onlite::tflite {

/// A verified model's description, its metadata entries (min_runtime_version
/// by value, the others as "<n> bytes") and, where the file carries a
/// TFLITE_METADATA buffer, the name, version, author and license in it.
ModelMetadata ReadMetadata(FlatBuffer* file, const FlatTable& model);

}  // namespace onlite::tflite
