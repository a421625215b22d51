#pragma once

#include <vector>

#include "runtimes/tflite/model/subgraph_verifier.h"

namespace onlite::tflite {

/// Every called subgraph exists, none calls itself by any way round, and the
/// nesting is shallow: the runtime prepares calls recursively (verifier.h).
void VerifyCallGraph(FlatBuffer* file, const std::vector<SubgraphFacts>& subgraphs);

}  // namespace onlite::tflite
