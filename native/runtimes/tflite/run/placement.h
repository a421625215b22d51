#pragma once

#include <cstddef>
#include <cstdint>
#include <map>

#include "core/aligned_buffer.h"
#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/tflite/api.h"

namespace onlite::tflite {

/// Where the inputs and outputs of an interpreter's primary subgraph lie: in the
/// runtime's own arena, in memory of a caller's for a run or more, or, once that
/// is over, in a buffer of ours, because a tensor cannot go back to the arena.
/// Used by whoever uses the interpreter, which must outlive it.
class Placement {
 public:
  Placement(const Api& api, TfLiteInterpreter* interpreter)
      : api_(api), interpreter_(interpreter) {}

  /// Has the tensor lie in the memory until further notice. False, and nothing has
  /// changed, if the library, the tensor or the memory does not allow it; then
  /// the tensor must be copied. Memory must be aligned, of the tensor's size, and
  /// followed by kReadBeyond bytes that can be read.
  bool Place(int tensor_index, const TfLiteTensor* tensor, const TensorView& memory);

  /// Makes sure that the tensor is not in a caller's memory.
  Status Withdraw(int tensor_index, const TfLiteTensor* tensor);

  /// A number that somebody gives to the shapes and places as they are now; 0
  /// after any change of either.
  uint64_t arrangement() const { return arrangement_; }
  void set_arrangement(uint64_t number) { arrangement_ = number; }
  void Rearranged() { arrangement_ = 0; }

  /// No tensor was ever placed, so that shapes may change: the runtime does not
  /// see to it that a placed tensor grows.
  bool empty() const { return placed_.empty(); }

 private:
  struct Placed {
    void* data = nullptr;
    AlignedBuffer own;
  };

  bool Assign(int tensor_index, void* data, size_t bytes);

  const Api& api_;
  TfLiteInterpreter* interpreter_;
  std::map<int, Placed> placed_;
  uint64_t arrangement_ = 0;
};

}  // namespace onlite::tflite
