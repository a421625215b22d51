#include "runtimes/tflite/tensor_observer.h"

#include <new>

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
  try {
    static_cast<TensorObserver*>(data)->contexts_.push_back(context);
  } catch (const std::bad_alloc&) {
    return ApiStatus::kError;
  }
  return ApiStatus::kOk;
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
