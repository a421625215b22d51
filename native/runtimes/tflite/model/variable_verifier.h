#pragma once

#include <cstdint>
#include <vector>

#include "runtimes/tflite/model/flatbuffer.h"

namespace onlite::tflite {

/// Checks that everything which assigns or reads one resource variable agrees on
/// its element type and shape (verifier.h): the kernel that reads copies as many
/// bytes as its own tensor has out of what was assigned last, and looks at
/// neither. A variable is what VAR_HANDLE names, in whichever subgraph, and
/// handles may be passed to subgraphs that an operator calls. `operator_codes`
/// are the built-in operators by operator code; the subgraphs' indices and the
/// call graph have been checked.
void VerifyVariables(FlatBuffer* file, const FlatTable& model,
                     const std::vector<int32_t>& operator_codes);

}  // namespace onlite::tflite
