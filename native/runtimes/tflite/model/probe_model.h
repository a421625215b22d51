#pragma once

#include <cstdint>
#include <vector>

#include "runtimes/tflite/model/operator_list.h"

namespace onlite::tflite {

/// The bytes of a model without operators that nevertheless lists this built-in
/// operator: an interpreter of it can be made if the library has the operator.
std::vector<uint8_t> ListingModel(const DeclaredOperator& builtin);

/// The bytes of a model that is this one custom operator, with the inputs,
/// outputs and options that `subgraph` declares for it: allocation tells whether
/// the library has the operator.
std::vector<uint8_t> CustomModel(const DeclaredSubgraph& subgraph, const DeclaredOperator& custom);

}  // namespace onlite::tflite
