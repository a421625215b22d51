#include "runtimes/cuda_turn.h"

namespace onlite {
namespace {

/// Never destroyed (docs/architecture.md, Threads and exit).
struct Gate {
  /// Held by who waits: a shared mutex alone may prefer those who share it for ever.
  std::mutex entrance;
  std::shared_mutex mutex;
};

Gate& TheGate() {
  static Gate& gate = *new Gate;
  return gate;
}

}  // namespace

CudaTurn::CudaTurn(Kind kind) {
  if (kind == Kind::kNone) return;
  Gate& gate = TheGate();
  const std::lock_guard entrance(gate.entrance);
  if (kind == Kind::kAlone) {
    alone_ = std::unique_lock(gate.mutex);
  } else {
    beside_ = std::shared_lock(gate.mutex);
  }
}

}  // namespace onlite
