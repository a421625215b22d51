#pragma once

#include <cstdint>
#include <span>

#include "runtimes/model_source.h"
#include "runtimes/session_info.h"
#include "runtimes/tflite/model/flatbuffer.h"

namespace onlite::tflite {

/// A verified model's description, its metadata entries (min_runtime_version
/// by value, the others as "<n> bytes") and, where the file carries a
/// TFLITE_METADATA buffer, the name, version, author and license in it.
ModelMetadata ReadMetadata(FlatBuffer* file, const FlatTable& model);

/// Whether a verified model's CONVERSION_METADATA, a FlatBuffers file inside the
/// file, can be handed to a runtime that reports to a profiler: only then does it
/// read the entry, and trusts every offset. A model without one is sound.
bool HasSoundConversionMetadata(std::span<const uint8_t> model);

/// A copy in which the runtime does not find that entry; null if there is no
/// memory for it.
SharedBytes HideConversionMetadata(std::span<const uint8_t> model);

}  // namespace onlite::tflite
