#include "runtimes/tflite/xnnpack/weights.h"

#include <utility>

#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/xnnpack/delegate.h"
#include "runtimes/tflite/xnnpack/packed_weights.h"

namespace onlite::tflite {
namespace {

/// XNNPACK's own cache. Its scratch memory for the weights that a later delegate
/// packs again is as large as the largest of them, and kept.
class VendorWeights final : public SharedWeights {
 public:
  explicit VendorWeights(const Api& api)
      : api_(api), cache_(api.XNNPackDelegateWeightsCacheCreate(), {&api}) {}

  bool created() const { return cache_ != nullptr; }
  TfLiteXNNPackDelegateWeightsCache* handle() override { return cache_.get(); }
  bool Finalize() override { return api_.XNNPackDelegateWeightsCacheFinalizeSoft(cache_.get()); }

 private:
  const Api& api_;
  WeightsCacheHandle cache_;
};

/// Ours, without scratch memory that stays.
class OwnWeights final : public SharedWeights {
 public:
  TfLiteXNNPackDelegateWeightsCache* handle() override {
    return reinterpret_cast<TfLiteXNNPackDelegateWeightsCache*>(packed_.provider());
  }
  bool Finalize() override { return true; }

 private:
  PackedWeights packed_;
};

}  // namespace

std::unique_ptr<SharedWeights> SharedWeights::Create(const Library& library) {
  if (!CanShareWeights(library)) return nullptr;
  if (CanProvideWeights(library)) return std::make_unique<OwnWeights>();
  auto vendor = std::make_unique<VendorWeights>(library.api());
  if (!vendor->created()) return nullptr;
  return vendor;
}

}  // namespace onlite::tflite
