#include "runtimes/tflite/placement.h"

#include <cstdint>
#include <utility>

#include "runtimes/tflite/tensors.h"

namespace onlite::tflite {

namespace {

/// XNNPACK reads, and never uses, up to 16 bytes (XNN_EXTRA_BYTES) behind a
/// tensor.
constexpr size_t kReadBeyond = 64;
/// The smallest page of any system: what lies in the same one can be read.
constexpr uintptr_t kPage = 4096;

bool MayReadBeyond(const void* data, size_t bytes) {
  const uintptr_t end = reinterpret_cast<uintptr_t>(data) + bytes;
  return (end - 1) / kPage == (end + kReadBeyond - 1) / kPage;
}

bool IsPlaceable(const Api& api, const TfLiteTensor* tensor) {
  return IsAllocated(api, tensor, ApiAllocationType::kArena) ||
         IsAllocated(api, tensor, ApiAllocationType::kCustom);
}

}  // namespace

bool Placement::Assign(int tensor_index, void* data, size_t bytes) {
  Rearranged();
  const CustomAllocation allocation{data, bytes};
  return api_.InterpreterSetCustomAllocationForTensor(
             interpreter_, tensor_index,
             reinterpret_cast<const TfLiteCustomAllocation*>(&allocation), 0) == ApiStatus::kOk;
}

bool Placement::Place(int tensor_index, const TfLiteTensor* tensor, void* data, size_t bytes) {
  const auto found = placed_.find(tensor_index);
  if (found != placed_.end() && found->second.data == data) return true;
  // A buffer that is too small is accepted without an error, so sizes are compared here.
  const bool aligned = reinterpret_cast<uintptr_t>(data) % kTensorAlignment == 0;
  if (!aligned || bytes == 0 || api_.TensorByteSize(tensor) != bytes ||
      !MayReadBeyond(data, bytes) || !IsPlaceable(api_, tensor)) {
    return false;
  }
  Placed& placed = placed_[tensor_index];
  if (!Assign(tensor_index, data, bytes)) return false;
  placed.data = data;
  return true;
}

Status Placement::Withdraw(int tensor_index, const TfLiteTensor* tensor) {
  const auto found = placed_.find(tensor_index);
  if (found == placed_.end()) return Status::Ok();
  Placed& placed = found->second;
  if (placed.own != nullptr && placed.data == placed.own.get()) return Status::Ok();
  const size_t bytes = api_.TensorByteSize(tensor);
  if (placed.own == nullptr) placed.own = AllocateAligned(bytes + kReadBeyond);
  if (placed.own == nullptr || !Assign(tensor_index, placed.own.get(), bytes)) {
    return {ErrorCode::kRunFailed, "a tensor cannot be moved out of memory that was bound"};
  }
  placed.data = placed.own.get();
  return Status::Ok();
}

}  // namespace onlite::tflite
