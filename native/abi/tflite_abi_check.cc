/// Compares our declarations of the TensorFlow Lite C API with the vendor's own
/// headers. Never linked; compiling it is the check (`npm run check:abi`).

#include <cstddef>
#include <type_traits>

#include "runtimes/tflite/api.h"
#include "tensorflow/lite/c/c_api.h"
#include "tensorflow/lite/c/c_api_experimental.h"
#include "tensorflow/lite/c/c_api_opaque.h"
#include "tensorflow/lite/c/common.h"

namespace {

using onlite::tflite::Api;
using onlite::tflite::ApiAllocationType;
using onlite::tflite::ApiStatus;
using onlite::tflite::ApiType;

/// Enums pass as the integers they are made of: int on every ABI, in ours by
/// declaration, in the vendor's C because all values fit.
template <typename T, bool = std::is_enum_v<T>>
struct Normal {
  using Type = T;
};
template <typename T>
struct Normal<T, true> {
  static_assert(sizeof(T) == sizeof(int));
  using Type = int;
};

template <typename Function>
struct Signature;
template <typename Result, typename... Arguments>
struct Signature<Result (*)(Arguments...)> {
  using Type = typename Normal<Result>::Type (*)(typename Normal<Arguments>::Type...);
};

template <typename Ours, typename Vendors>
constexpr bool kSame =
    std::is_same_v<typename Signature<Ours>::Type, typename Signature<Vendors>::Type>;

#define ONLITE_CHECK(name) \
  static_assert(kSame<decltype(Api::name), decltype(&::TfLite##name)>, "TfLite" #name)

static_assert(static_cast<int>(ApiAllocationType::kArena) == kTfLiteArenaRw &&
              static_cast<int>(ApiAllocationType::kCustom) == kTfLiteCustom);
ONLITE_CHECK(Version);
ONLITE_CHECK(ModelCreate);
ONLITE_CHECK(ModelCreateWithErrorReporter);
ONLITE_CHECK(ModelDelete);
ONLITE_CHECK(InterpreterOptionsCreate);
ONLITE_CHECK(InterpreterOptionsDelete);
ONLITE_CHECK(InterpreterOptionsSetNumThreads);
ONLITE_CHECK(InterpreterOptionsAddDelegate);
ONLITE_CHECK(InterpreterOptionsSetErrorReporter);
ONLITE_CHECK(InterpreterOptionsEnableCancellation);
ONLITE_CHECK(InterpreterOptionsSetTelemetryProfiler);
ONLITE_CHECK(InterpreterCreate);
ONLITE_CHECK(InterpreterDelete);
ONLITE_CHECK(InterpreterGetInputTensorCount);
ONLITE_CHECK(InterpreterGetInputTensor);
ONLITE_CHECK(InterpreterResizeInputTensor);
ONLITE_CHECK(InterpreterAllocateTensors);
ONLITE_CHECK(InterpreterInvoke);
ONLITE_CHECK(InterpreterGetOutputTensorCount);
ONLITE_CHECK(InterpreterGetOutputTensor);
ONLITE_CHECK(InterpreterCancel);
ONLITE_CHECK(InterpreterGetTensor);
ONLITE_CHECK(InterpreterInputTensorIndices);
ONLITE_CHECK(InterpreterOutputTensorIndices);
ONLITE_CHECK(InterpreterSetCustomAllocationForTensor);
static_assert(sizeof(onlite::tflite::CustomAllocation) == sizeof(TfLiteCustomAllocation) &&
              offsetof(onlite::tflite::CustomAllocation, data) ==
                  offsetof(TfLiteCustomAllocation, data) &&
              offsetof(onlite::tflite::CustomAllocation, bytes) ==
                  offsetof(TfLiteCustomAllocation, bytes));
ONLITE_CHECK(InterpreterGetSignatureRunner);
ONLITE_CHECK(SignatureRunnerDelete);
ONLITE_CHECK(SignatureRunnerResizeInputTensor);
ONLITE_CHECK(SignatureRunnerAllocateTensors);
ONLITE_CHECK(SignatureRunnerInvoke);
ONLITE_CHECK(SignatureRunnerGetInputTensor);
ONLITE_CHECK(SignatureRunnerGetOutputTensor);
ONLITE_CHECK(TensorType);
ONLITE_CHECK(TensorNumDims);
ONLITE_CHECK(TensorDim);
ONLITE_CHECK(TensorByteSize);
ONLITE_CHECK(TensorData);
ONLITE_CHECK(TensorRealloc);
ONLITE_CHECK(OpaqueTensorGetAllocationType);
ONLITE_CHECK(OpaqueNodeNumberOfInputs);
ONLITE_CHECK(OpaqueNodeNumberOfOutputs);
ONLITE_CHECK(OpaqueNodeGetInput);
ONLITE_CHECK(OpaqueNodeGetOutput);
ONLITE_CHECK(OpaqueNodeGetCustomInitialData);
ONLITE_CHECK(IntArrayCreate);
ONLITE_CHECK(OpaqueContextResizeTensor);
ONLITE_CHECK(OpaqueContextGetNumTensors);
ONLITE_CHECK(OpaqueContextGetOpaqueTensor);
ONLITE_CHECK(OpaqueDelegateDelete);
static_assert(sizeof(onlite::tflite::OpaqueDelegateBuilder) ==
                  sizeof(TfLiteOpaqueDelegateBuilder) &&
              offsetof(onlite::tflite::OpaqueDelegateBuilder, Prepare) ==
                  offsetof(TfLiteOpaqueDelegateBuilder, Prepare) &&
              offsetof(onlite::tflite::OpaqueDelegateBuilder, flags) ==
                  offsetof(TfLiteOpaqueDelegateBuilder, flags) &&
              onlite::tflite::kAllowDynamicTensors == kTfLiteDelegateFlagsAllowDynamicTensors);
static_assert(offsetof(onlite::tflite::IntArray, data) == offsetof(TfLiteIntArray, data));

#undef ONLITE_CHECK

constexpr bool Is(ApiStatus ours, TfLiteStatus vendors) {
  return static_cast<int>(ours) == static_cast<int>(vendors);
}
constexpr bool Is(ApiType ours, TfLiteType vendors) {
  return static_cast<int>(ours) == static_cast<int>(vendors);
}
constexpr bool Is(ApiAllocationType ours, TfLiteAllocationType vendors) {
  return static_cast<int>(ours) == static_cast<int>(vendors);
}

static_assert(Is(ApiStatus::kOk, kTfLiteOk));
static_assert(Is(ApiStatus::kError, kTfLiteError));
static_assert(Is(ApiStatus::kDelegateError, kTfLiteDelegateError));
static_assert(Is(ApiStatus::kApplicationError, kTfLiteApplicationError));
static_assert(Is(ApiStatus::kUnresolvedOps, kTfLiteUnresolvedOps));
static_assert(Is(ApiStatus::kCancelled, kTfLiteCancelled));

static_assert(Is(ApiType::kNoType, kTfLiteNoType));
static_assert(Is(ApiType::kFloat32, kTfLiteFloat32));
static_assert(Is(ApiType::kInt32, kTfLiteInt32));
static_assert(Is(ApiType::kUInt8, kTfLiteUInt8));
static_assert(Is(ApiType::kInt64, kTfLiteInt64));
static_assert(Is(ApiType::kString, kTfLiteString));
static_assert(Is(ApiType::kBool, kTfLiteBool));
static_assert(Is(ApiType::kInt16, kTfLiteInt16));
static_assert(Is(ApiType::kComplex64, kTfLiteComplex64));
static_assert(Is(ApiType::kInt8, kTfLiteInt8));
static_assert(Is(ApiType::kFloat16, kTfLiteFloat16));
static_assert(Is(ApiType::kFloat64, kTfLiteFloat64));
static_assert(Is(ApiType::kComplex128, kTfLiteComplex128));
static_assert(Is(ApiType::kUInt64, kTfLiteUInt64));
static_assert(Is(ApiType::kResource, kTfLiteResource));
static_assert(Is(ApiType::kVariant, kTfLiteVariant));
static_assert(Is(ApiType::kUInt32, kTfLiteUInt32));
static_assert(Is(ApiType::kUInt16, kTfLiteUInt16));
static_assert(Is(ApiType::kInt4, kTfLiteInt4));

static_assert(Is(ApiAllocationType::kMmapReadOnly, kTfLiteMmapRo));
static_assert(Is(ApiAllocationType::kDynamic, kTfLiteDynamic));

}  // namespace
