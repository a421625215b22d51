#pragma once

#include "core/status.h"
#include "runtimes/ort/api_types.h"
#include "runtimes/ort/model_scan.h"
#include "runtimes/session_info.h"

namespace onlite::ort {

/// The graph's inputs and outputs, in its order. Initializers that a feed may
/// override are not inputs (as in onnxruntime-node) and cannot be fed.
Status ReadSignature(const OrtSession* session, const ModelScan& scan, SignatureInfo* signature);

Status ReadMetadata(const OrtSession* session, ModelMetadata* metadata);

/// Takes a string that the C API allocated with its default allocator; frees it.
std::string TakeString(char* allocated);

/// The default allocator, which is never released.
Status DefaultAllocator(OrtAllocator** allocator);

}  // namespace onlite::ort
