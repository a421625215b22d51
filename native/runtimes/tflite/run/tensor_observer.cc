#include "runtimes/tflite/run/tensor_observer.h"

#include <new>

#include "runtimes/tflite/run/tensors.h"

namespace onlite::tflite {

std::unique_ptr<TensorObserver> TensorObserver::Create(const Api& api) {
  if (!api.has_opaque_delegates()) return nullptr;
  std::unique_ptr<TensorObserver> observer(new TensorObserver(api));
  // Copied by the runtime.
  const OpaqueDelegateBuilder builder{observer.get(), &Prepare, nullptr,
                                      nullptr,        nullptr,  kAllowDynamicTensors};
  observer->delegate_ = OpaqueDelegateHandle(api.OpaqueDelegateCreate(&builder), {&api});
  if (observer->delegate_ == nullptr) return nullptr;
  return observer;
}

// Called from C: nothing may be thrown.
ApiStatus TensorObserver::Prepare(TfLiteOpaqueContext* context, TfLiteDelegate* /*delegate*/,
                                  void* data) {
  auto& observer = *static_cast<TensorObserver*>(data);
  try {
    observer.contexts_.push_back(context);
  } catch (const std::bad_alloc&) {
    observer.out_of_memory_ = true;
    return ApiStatus::kError;
  }
  return ApiStatus::kOk;
}

bool TensorObserver::AnyWithoutElements() const {
  for (size_t subgraph = 0; subgraph < contexts_.size(); ++subgraph) {
    const size_t count = api_.OpaqueContextGetNumTensors(contexts_[subgraph]);
    for (size_t index = 0; index < count; ++index) {
      const TfLiteTensor* tensor = Tensor(subgraph, index);
      if (tensor == nullptr || IsAllocated(api_, tensor, ApiAllocationType::kMmapReadOnly) ||
          IsAllocated(api_, tensor, ApiAllocationType::kDynamic)) {
        continue;
      }
      const int32_t rank = api_.TensorNumDims(tensor);
      for (int32_t dim = 0; dim < rank; ++dim) {
        if (api_.TensorDim(tensor, dim) <= 0) return true;
      }
    }
  }
  return false;
}

const TfLiteTensor* TensorObserver::Tensor(size_t shown_subgraph, size_t index) const {
  if (shown_subgraph >= contexts_.size()) return nullptr;
  const TfLiteOpaqueContext* context = contexts_[shown_subgraph];
  if (index >= api_.OpaqueContextGetNumTensors(context)) return nullptr;
  // The vendor documents an opaque tensor to be the tensor itself.
  return reinterpret_cast<const TfLiteTensor*>(
      api_.OpaqueContextGetOpaqueTensor(context, static_cast<int>(index)));
}

}  // namespace onlite::tflite
