#pragma once

#include "core/status.h"
#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/library.h"

namespace onlite::tflite {

/// Whether the library has XNNPACK and its options can be filled in safely.
bool CanUseXnnpack(const Library& library);

/// Whether interpreters can share packed weights with this version.
bool CanShareWeights(const Library& library);

/// Whether they can be shared through a WeightsProvider (packed_weights.h):
/// it is in no C header, and its layout known for some versions only.
bool CanProvideWeights(const Library& library);

/// An XNNPACK delegate with `threads` threads; quantized operators are on.
/// `cache` may be null; see SharedWeights (xnnpack/weights.h).
Status CreateXnnpackDelegate(const Library& library, int threads,
                             TfLiteXNNPackDelegateWeightsCache* cache,
                             XnnpackDelegateHandle* delegate);

}  // namespace onlite::tflite
