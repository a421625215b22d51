#pragma once

#include <cstdint>

#include "core/tensor.h"
#include "runtimes/run_request.h"

/// Whether a run uses the memory of its tensors in place or works on copies. This file
/// and its .cc decide; whoever reads tensors, binds memory or takes results out asks here
/// (docs/architecture.md, Memory).
namespace onlite {

/// How long a run may use its tensors' memory.
enum class FeedPolicy : uint8_t {
  /// The run ends before JavaScript continues: in place, but memory that other
  /// threads may write (SharedArrayBuffer) is copied.
  kSynchronous,
  /// JavaScript goes on while the run reads and writes: in place only what the
  /// pool keeps from being detached and no kernel finds its way in memory by; the
  /// rest is copied.
  kAsynchronous,
};

/// What lib/ promises of a tensor's memory: the fifth field of its description.
enum class MemoryKind : uint8_t {
  /// Nothing: JavaScript may detach, resize or write it at any time.
  kOrdinary = 0,
  /// It is never detached, moved or freed while its tensor lives: a pool's.
  kPooled = 1,
  /// No JavaScript but lib/'s own can reach it until the run has ended.
  kPrivate = 2,
  /// An output's only: lib/ fills it when the run has ended. Where it lies is
  /// looked at all the same.
  kFilledLater = 3,
};

/// A tensor as lib/ describes it, and what is known of its memory.
struct TensorArgument {
  TensorView view;
  MemoryKind kind = MemoryKind::kOrdinary;
  /// Other threads may write it: a SharedArrayBuffer.
  bool shared = false;
};

/// Whether a run works on a copy of a tensor that it reads or writes: an output
/// may be read by the model too, so it is as dangerous as an input.
bool MustCopy(const TensorArgument& argument, FeedPolicy policy);

/// Whether JavaScript may detach or resize the memory between two runs that are bound to
/// it, so that it must be looked at before each of them and after.
bool MayBeDetached(const TensorArgument& argument);

/// Whether every run that is bound to the memory uses it as it is, without a look.
bool IsAlwaysInPlace(const TensorArgument& argument);

/// Whether JavaScript can reach the memory of an output while the run goes on, so that it
/// must lie apart from all others.
bool IsReachable(MemoryKind kind);

/// Whether a result that was not written to the output's memory is kept for lib/ to copy
/// to where it belongs, instead of becoming an ArrayBuffer. `has_memory`: the output has some.
bool WantsHeldResult(MemoryKind kind, bool has_memory);

/// Whether a result can be kept until lib/ copies it: it is in memory of its own, and not
/// in that of the run's inputs, where an output of the graph that is an input lies.
bool CanBeHeld(const RunRequest& request, const Value& value);

}  // namespace onlite
