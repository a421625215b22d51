#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtimes/tflite/handles.h"

namespace onlite::tflite {

/// Sees the tensors of every subgraph of one interpreter, where the C API itself
/// names those of the primary one only: a delegate that takes no operator and
/// keeps what it was shown. Outlives the interpreter that is made with it; not
/// thread-safe.
class TensorObserver {
 public:
  /// Null where the library cannot.
  static std::unique_ptr<TensorObserver> Create(const Api& api);

  /// To be added to one interpreter's options.
  TfLiteDelegate* delegate() const { return delegate_.get(); }

  /// Subgraphs that were shown: all but those whose name says that they are for
  /// validation, in the model's order.
  size_t shown() const { return contexts_.size(); }

  /// There was no memory to note a subgraph in, so that the interpreter was not made.
  bool out_of_memory() const { return out_of_memory_; }

  /// While the interpreter lives: a tensor that is no constant, and whose shape is
  /// known before the model runs, has no elements or a dim below zero.
  bool AnyWithoutElements() const;

  /// While the interpreter lives; null if there is no such tensor.
  const TfLiteTensor* Tensor(size_t shown_subgraph, size_t index) const;

 private:
  explicit TensorObserver(const Api& api) : api_(api) {}
  static ApiStatus Prepare(TfLiteOpaqueContext* context, TfLiteDelegate* delegate, void* data);

  const Api& api_;
  std::vector<const TfLiteOpaqueContext*> contexts_;
  bool out_of_memory_ = false;
  OpaqueDelegateHandle delegate_;
};

}  // namespace onlite::tflite
