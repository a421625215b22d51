#pragma once

#include <cstdint>
#include <span>
#include <string>

#include "core/status.h"

namespace onlite::tflite {

/// Finds operators that the library takes and then crashes on, or computes wrongly
/// without a word: those with weights of less than a byte a value, or quantized in
/// blocks, where the kernels do not know of them. What each version does was found
/// by experiment, against the same weights at a byte a value. `model` is one that
/// VerifyModel has accepted, `version` the library's. kUnsupported, naming the
/// operator, the tensor and the version. `only_delegate` gets the same sentence
/// where XNNPACK computes rightly what the built-in kernels do not; else it is empty.
Status CheckWeightSupport(std::span<const uint8_t> model, const std::string& version,
                          std::string* only_delegate);

}  // namespace onlite::tflite
