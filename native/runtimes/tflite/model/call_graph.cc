#include "runtimes/tflite/model/call_graph.h"

#include <algorithm>

namespace onlite::tflite {
namespace {

constexpr int kMaxNesting = 64;

/// Depth-first: how deep calls nest below each subgraph.
class CallGraph {
 public:
  CallGraph(FlatBuffer* file, const std::vector<SubgraphFacts>& subgraphs)
      : file_(file), subgraphs_(subgraphs), depths_(subgraphs.size(), kUnvisited) {}

  /// `level` is bounded, so is this function's own recursion.
  int Visit(size_t index, int level) {
    int& depth = depths_[index];
    if (depth >= 0 || !file_->ok()) return depth;
    if (depth == kActive || level > kMaxNesting) {
      file_->Fail("subgraphs that call themselves or nest too deeply");
      return 0;
    }
    depth = kActive;
    int deepest = 0;
    for (const int64_t called : subgraphs_[index].calls) {
      if (called < 0 || static_cast<size_t>(called) >= subgraphs_.size()) {
        file_->Fail("an operator calls a subgraph that does not exist");
        return 0;
      }
      deepest = std::max(deepest, Visit(static_cast<size_t>(called), level + 1) + 1);
      if (!file_->ok()) return 0;
    }
    if (deepest > kMaxNesting) file_->Fail("subgraphs that nest too deeply");
    depths_[index] = deepest;
    return deepest;
  }

 private:
  static constexpr int kUnvisited = -1;
  static constexpr int kActive = -2;

  FlatBuffer* file_;
  const std::vector<SubgraphFacts>& subgraphs_;
  std::vector<int> depths_;
};

}  // namespace

void VerifyCallGraph(FlatBuffer* file, const std::vector<SubgraphFacts>& subgraphs) {
  CallGraph graph(file, subgraphs);
  for (size_t index = 0; index < subgraphs.size() && file->ok(); ++index) graph.Visit(index, 0);
}

}  // namespace onlite::tflite
