#pragma once

#include "core/dtype.h"
#include "runtimes/ort/api_types.h"

namespace onlite::ort {

/// kUndefined for a type that onlite does not know.
ElementType FromOnnx(OnnxElementType type);

/// kOnnxUndefined for a type that ONNX Runtime does not have.
OnnxElementType ToOnnx(ElementType type);

}  // namespace onlite::ort
