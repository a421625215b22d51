#pragma once

#include "core/tensor.h"
#include "runtimes/tflite/model/flatbuffer.h"

namespace onlite::tflite {

/// The sparsity parameters of a constant tensor: how its non-zero blocks are
/// stored. Kernels walk segments and indices without looking (verifier.h).
void VerifySparsity(FlatBuffer* file, const FlatTable& sparsity, const Dims& shape);

}  // namespace onlite::tflite
