#pragma once

#include <cstdint>
#include <span>

#include "core/status.h"

namespace onlite::tflite {

/// Checks a model file before the runtime sees it: the C API trusts every
/// offset, index and size in it and crashes on a damaged one. What is checked
/// is what the interpreter's builder, the delegate and the kernels' `Prepare`
/// read without looking: the FlatBuffers structure, every index, constant
/// tensors' sizes, operators' order and options, sparsity, the call graph between
/// subgraphs, and variables' shapes. Contents that only a kernel judges while it runs (the
/// values of constant tensors, custom operators' options) are not.
/// kModelInvalid, with the path of what is wrong in the message.
Status VerifyModel(std::span<const uint8_t> model);

}  // namespace onlite::tflite
