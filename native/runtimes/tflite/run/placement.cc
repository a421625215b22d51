#include "runtimes/tflite/run/placement.h"

#include <cstdint>
#include <utility>

#include "runtimes/tflite/run/tensors.h"

namespace onlite::tflite {

namespace {

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

bool Placement::Place(int tensor_index, const TfLiteTensor* tensor, const TensorView& memory) {
  void* const data = memory.data;
  const size_t bytes = memory.byte_length;
  const auto found = placed_.find(tensor_index);
  if (found != placed_.end() && found->second.data == data) return true;
  // A buffer that is too small is accepted without an error, so sizes are compared here.
  const bool aligned = reinterpret_cast<uintptr_t>(data) % kTensorAlignment == 0;
  if (!aligned || bytes == 0 || api_.TensorByteSize(tensor) != bytes ||
      (EndsWithPage(data, bytes) && memory.readable_beyond < kReadBeyond) ||
      !IsPlaceable(api_, tensor)) {
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
