#pragma once

#include <span>
#include <string>

#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/tflite/api.h"

namespace onlite::tflite {

/// The element type of a runtime's tensor; kUndefined for resources and variants.
ElementType ElementTypeOf(ApiType type);

/// One feed for every input of an entry point, in their order.
using Feeds = std::span<const TensorView* const>;

/// Whether the tensor's memory is managed so; false if the library cannot tell.
bool IsAllocated(const Api& api, const TfLiteTensor* tensor, ApiAllocationType type);

/// Whether the runtime's tensor has these dims now.
bool HasDims(const Api& api, const TfLiteTensor* tensor, const Dims& dims);

/// Gives an allocated input tensor the feed's elements. `name` is for messages.
Status FeedTensor(const Api& api, const TensorView& feed, TfLiteTensor* tensor,
                  const std::string& name);

/// Takes an output out: into the caller's memory if the request has some (after
/// its type, shape and length were compared), else into memory of its own, and
/// there as well if they differ and the request is `flexible`.
Status FetchTensor(const Api& api, const TfLiteTensor* tensor, const TensorView& into,
                   bool flexible, const std::string& name, Value* value);

}  // namespace onlite::tflite
