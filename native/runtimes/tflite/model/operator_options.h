#pragma once

#include <cstdint>
#include <vector>

#include "runtimes/tflite/model/flatbuffer.h"

namespace onlite::tflite {

/// The options tables of one operator (verifier.h): their vectors and strings
/// lie in the file; strides, dilations, filter and block sizes by which kernels
/// divide are positive; operators that cannot do without options have them.
/// Adds the subgraphs that the operator calls to `calls`.
void VerifyOperatorOptions(FlatBuffer* file, const FlatTable& op, int32_t code,
                           std::vector<int64_t>* calls);

}  // namespace onlite::tflite
