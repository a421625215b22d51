#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "runtimes/tflite/model/operator_list.h"

namespace onlite::tflite {

/// "SOFTMAX"; "builtin operator 300" for one that came after the table.
std::string BuiltinOperatorName(int32_t code);

/// The same, or a custom operator's own name.
std::string OperatorName(const DeclaredOperator& declared);

/// "subgraphs[0].operators[3]", for messages.
std::string OperatorPath(size_t subgraph, size_t index);

}  // namespace onlite::tflite
