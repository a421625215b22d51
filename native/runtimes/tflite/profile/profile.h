#pragma once

#include "runtimes/operator_profile.h"
#include "runtimes/tflite/profile/operator_recorder.h"
#include "runtimes/tflite/run/interpreter.h"

namespace onlite::tflite {

/// What was recorded, joined with what the model's file says of its operators.
/// `interpreter` has just run; its tensors' shapes are taken where the library
/// can tell them, else the declared ones.
OperatorProfile DescribeProfile(const Model& model, const Interpreter& interpreter,
                                const OperatorRecorder& recorder);

}  // namespace onlite::tflite
