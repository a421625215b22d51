#pragma once

#include "core/status.h"
#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/library.h"

namespace onlite::tflite {

/// Whether the library has XNNPACK and its options can be filled in safely.
bool CanUseXnnpack(const Library& library);

/// Whether interpreters can share packed weights with this version.
bool CanShareWeights(const Library& library);

/// An XNNPACK delegate with `threads` threads; quantized operators are on.
/// `cache` may be null; where it is not, CanShareWeights must hold, the first
/// interpreter that uses the delegate packs the weights, and the cache must be
/// finalized (soft) after that interpreter was created and before its tensors
/// are allocated.
Status CreateXnnpackDelegate(const Library& library, int threads,
                             TfLiteXNNPackDelegateWeightsCache* cache,
                             XnnpackDelegateHandle* delegate);

}  // namespace onlite::tflite
