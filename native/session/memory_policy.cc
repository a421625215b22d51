#include "session/memory_policy.h"

#include <algorithm>

namespace onlite {
namespace {

/// An index that changes under a running Gather is a segmentation fault in ONNX
/// Runtime, and a condition that changes under Compress, which counts the true ones
/// before it copies their rows, is a heap overrun; other elements only make a wrong
/// result. No kernel takes integers of less than 16 bits for either.
bool MayAddress(ElementType type) {
  switch (type) {
    case ElementType::kBool:
    case ElementType::kInt16:
    case ElementType::kUInt16:
    case ElementType::kInt32:
    case ElementType::kUInt32:
    case ElementType::kInt64:
    case ElementType::kUInt64: return true;
    default: return false;
  }
}

}  // namespace

bool MustCopy(const TensorArgument& argument, FeedPolicy policy) {
  if (argument.view.type == ElementType::kString) return false;
  if (argument.shared) return true;
  if (policy == FeedPolicy::kSynchronous || argument.kind == MemoryKind::kPrivate) return false;
  return argument.kind == MemoryKind::kOrdinary || MayAddress(argument.view.type);
}

bool MayBeDetached(const TensorArgument& argument) {
  return argument.kind == MemoryKind::kOrdinary && argument.view.type != ElementType::kString;
}

bool IsAlwaysInPlace(const TensorArgument& argument) {
  return !MayBeDetached(argument) && !MustCopy(argument, FeedPolicy::kAsynchronous);
}

bool IsReachable(MemoryKind kind) { return kind != MemoryKind::kPrivate; }

bool WantsHeldResult(MemoryKind kind, bool has_memory) {
  return kind == MemoryKind::kPooled || kind == MemoryKind::kFilledLater ||
         (has_memory && kind == MemoryKind::kOrdinary);
}

bool CanBeHeld(const RunRequest& request, const Value& value) {
  const auto is_fed = [&](const RunInput& input) {
    return Overlap(value.tensor, input.tensor) ||
           std::any_of(input.items.begin(), input.items.end(),
                       [&](const TensorView& item) { return Overlap(value.tensor, item); });
  };
  return value.kind == Value::Kind::kTensor && value.owner &&
         value.tensor.type != ElementType::kString &&
         std::none_of(request.inputs.begin(), request.inputs.end(), is_fed);
}

}  // namespace onlite
