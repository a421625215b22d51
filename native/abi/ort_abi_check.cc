// Compiled only by `npm run check:abi`: compares our declarations of the ONNX
// Runtime C API with the vendor's header. Nothing here runs.
#include <onnxruntime_c_api.h>

#include <cstddef>
#include <type_traits>

#include "runtimes/ort/api.h"

#if defined(__GNUC__)
// The vendor's attributes (nonnull, warn_unused_result) are no part of a signature.
#pragma GCC diagnostic ignored "-Wignored-attributes"
#endif

namespace onlite::ort {
namespace {

/// Enumerations of either side count as int, which they are in the C ABI.
template <typename T>
struct Normal {
  using Type = std::conditional_t<std::is_enum_v<T>, int, T>;
};
template <typename T>
struct Normal<const T> {
  using Type = std::add_const_t<typename Normal<T>::Type>;
};
template <typename T>
struct Normal<T*> {
  using Type = typename Normal<T>::Type*;
};
template <typename Result, typename... Parameters>
struct Normal<Result (*)(Parameters...)> {
  using Type = typename Normal<Result>::Type (*)(typename Normal<Parameters>::Type...);
};
template <typename Result, typename... Parameters>
struct Normal<Result (*)(Parameters...) noexcept> : Normal<Result (*)(Parameters...)> {};

template <typename A, typename B>
inline constexpr bool kSame = std::is_same_v<typename Normal<A>::Type, typename Normal<B>::Type>;

#define ONLITE_CHECK(slot, result, name, parameters)                                   \
  static_assert(offsetof(::OrtApi, name) == (slot) * sizeof(void*), "slot of " #name); \
  static_assert(kSame<decltype(::OrtApi::name), decltype(Api::name)>, "signature of " #name);
ONLITE_ORT_FUNCTIONS(ONLITE_CHECK)
#define ONLITE_CHECK_OPTIONAL(slot, since, result, name, parameters) \
  ONLITE_CHECK(slot, result, name, parameters)
ONLITE_ORT_OPTIONAL_FUNCTIONS(ONLITE_CHECK_OPTIONAL)
#undef ONLITE_CHECK_OPTIONAL
#undef ONLITE_CHECK

static_assert(kNewestApiVersion == ORT_API_VERSION);
static_assert(offsetof(::OrtApiBase, GetApi) == offsetof(ApiBase, GetApi));
static_assert(offsetof(::OrtApiBase, GetVersionString) == offsetof(ApiBase, GetVersionString));
static_assert(kSame<decltype(::OrtApiBase::GetVersionString), decltype(ApiBase::GetVersionString)>);
static_assert(std::is_same_v<decltype(::OrtApiBase::GetApi),
                             const ::OrtApi*(ORT_API_CALL*)(uint32_t) noexcept>);
static_assert(sizeof(PathChar) == sizeof(ORTCHAR_T));

// The vendor's enumerations are passed as ints.
static_assert(sizeof(::OrtHardwareDeviceType) == sizeof(HardwareDeviceType));
static_assert(static_cast<int>(::OrtHardwareDeviceType_CPU) == kHardwareCpu);
static_assert(static_cast<int>(::OrtHardwareDeviceType_GPU) == kHardwareGpu);
static_assert(static_cast<int>(::OrtHardwareDeviceType_NPU) == kHardwareNpu);
static_assert(sizeof(::OrtErrorCode) == sizeof(OrtCode));
static_assert(sizeof(::ONNXTensorElementDataType) == sizeof(OnnxElementType));
static_assert(sizeof(::ONNXType) == sizeof(OnnxType));
static_assert(sizeof(::OrtLoggingLevel) == sizeof(LoggingLevel));
static_assert(sizeof(::GraphOptimizationLevel) == sizeof(GraphOptimizationLevel));
static_assert(sizeof(::ExecutionMode) == sizeof(ExecutionMode));
static_assert(sizeof(::OrtAllocatorType) == sizeof(AllocatorType));
static_assert(sizeof(::OrtMemType) == sizeof(MemoryType));
static_assert(sizeof(::OrtMemoryInfoDeviceType) == sizeof(DeviceType));

#define ONLITE_SAME(ours, theirs) \
  static_assert(static_cast<int>(ours) == static_cast<int>(::theirs), #ours)
ONLITE_SAME(kOrtOk, ORT_OK);
ONLITE_SAME(kOrtFail, ORT_FAIL);
ONLITE_SAME(kOrtInvalidArgument, ORT_INVALID_ARGUMENT);
ONLITE_SAME(kOrtNoSuchFile, ORT_NO_SUCHFILE);
ONLITE_SAME(kOrtNoModel, ORT_NO_MODEL);
ONLITE_SAME(kOrtEngineError, ORT_ENGINE_ERROR);
ONLITE_SAME(kOrtRuntimeException, ORT_RUNTIME_EXCEPTION);
ONLITE_SAME(kOrtInvalidProtobuf, ORT_INVALID_PROTOBUF);
ONLITE_SAME(kOrtModelLoaded, ORT_MODEL_LOADED);
ONLITE_SAME(kOrtNotImplemented, ORT_NOT_IMPLEMENTED);
ONLITE_SAME(kOrtInvalidGraph, ORT_INVALID_GRAPH);
ONLITE_SAME(kOrtEpFail, ORT_EP_FAIL);
ONLITE_SAME(kOrtModelLoadCanceled, ORT_MODEL_LOAD_CANCELED);
#define ONLITE_SAME_ELEMENT(ours, theirs) ONLITE_SAME(ours, ONNX_TENSOR_ELEMENT_DATA_TYPE_##theirs)
ONLITE_SAME_ELEMENT(kOnnxUndefined, UNDEFINED);
ONLITE_SAME_ELEMENT(kOnnxFloat, FLOAT);
ONLITE_SAME_ELEMENT(kOnnxUInt8, UINT8);
ONLITE_SAME_ELEMENT(kOnnxInt8, INT8);
ONLITE_SAME_ELEMENT(kOnnxUInt16, UINT16);
ONLITE_SAME_ELEMENT(kOnnxInt16, INT16);
ONLITE_SAME_ELEMENT(kOnnxInt32, INT32);
ONLITE_SAME_ELEMENT(kOnnxInt64, INT64);
ONLITE_SAME_ELEMENT(kOnnxString, STRING);
ONLITE_SAME_ELEMENT(kOnnxBool, BOOL);
ONLITE_SAME_ELEMENT(kOnnxFloat16, FLOAT16);
ONLITE_SAME_ELEMENT(kOnnxDouble, DOUBLE);
ONLITE_SAME_ELEMENT(kOnnxUInt32, UINT32);
ONLITE_SAME_ELEMENT(kOnnxUInt64, UINT64);
ONLITE_SAME_ELEMENT(kOnnxComplex64, COMPLEX64);
ONLITE_SAME_ELEMENT(kOnnxComplex128, COMPLEX128);
ONLITE_SAME_ELEMENT(kOnnxBFloat16, BFLOAT16);
ONLITE_SAME_ELEMENT(kOnnxFloat8E4M3FN, FLOAT8E4M3FN);
ONLITE_SAME_ELEMENT(kOnnxFloat8E4M3FNUZ, FLOAT8E4M3FNUZ);
ONLITE_SAME_ELEMENT(kOnnxFloat8E5M2, FLOAT8E5M2);
ONLITE_SAME_ELEMENT(kOnnxFloat8E5M2FNUZ, FLOAT8E5M2FNUZ);
ONLITE_SAME_ELEMENT(kOnnxUInt4, UINT4);
ONLITE_SAME_ELEMENT(kOnnxInt4, INT4);
ONLITE_SAME_ELEMENT(kOnnxFloat4E2M1, FLOAT4E2M1);
ONLITE_SAME_ELEMENT(kOnnxUInt2, UINT2);
ONLITE_SAME_ELEMENT(kOnnxInt2, INT2);
ONLITE_SAME(kOnnxTypeUnknown, ONNX_TYPE_UNKNOWN);
ONLITE_SAME(kOnnxTypeTensor, ONNX_TYPE_TENSOR);
ONLITE_SAME(kOnnxTypeSequence, ONNX_TYPE_SEQUENCE);
ONLITE_SAME(kOnnxTypeMap, ONNX_TYPE_MAP);
ONLITE_SAME(kOnnxTypeOpaque, ONNX_TYPE_OPAQUE);
ONLITE_SAME(kOnnxTypeSparseTensor, ONNX_TYPE_SPARSETENSOR);
ONLITE_SAME(kOnnxTypeOptional, ONNX_TYPE_OPTIONAL);
ONLITE_SAME(kLogVerbose, ORT_LOGGING_LEVEL_VERBOSE);
ONLITE_SAME(kLogInfo, ORT_LOGGING_LEVEL_INFO);
ONLITE_SAME(kLogWarning, ORT_LOGGING_LEVEL_WARNING);
ONLITE_SAME(kLogError, ORT_LOGGING_LEVEL_ERROR);
ONLITE_SAME(kLogFatal, ORT_LOGGING_LEVEL_FATAL);
ONLITE_SAME(kOptimizeNone, ORT_DISABLE_ALL);
ONLITE_SAME(kOptimizeBasic, ORT_ENABLE_BASIC);
ONLITE_SAME(kOptimizeExtended, ORT_ENABLE_EXTENDED);
ONLITE_SAME(kOptimizeLayout, ORT_ENABLE_LAYOUT);
ONLITE_SAME(kOptimizeAll, ORT_ENABLE_ALL);
ONLITE_SAME(kExecuteSequential, ORT_SEQUENTIAL);
ONLITE_SAME(kExecuteParallel, ORT_PARALLEL);
ONLITE_SAME(kAllocatorInvalid, OrtInvalidAllocator);
ONLITE_SAME(kAllocatorDevice, OrtDeviceAllocator);
ONLITE_SAME(kAllocatorArena, OrtArenaAllocator);
ONLITE_SAME(kMemoryCpuInput, OrtMemTypeCPUInput);
ONLITE_SAME(kMemoryCpuOutput, OrtMemTypeCPUOutput);
ONLITE_SAME(kMemoryDefault, OrtMemTypeDefault);
ONLITE_SAME(kDeviceCpu, OrtMemoryInfoDeviceType_CPU);
ONLITE_SAME(kDeviceGpu, OrtMemoryInfoDeviceType_GPU);
ONLITE_SAME(kDeviceFpga, OrtMemoryInfoDeviceType_FPGA);
ONLITE_SAME(kDeviceNpu, OrtMemoryInfoDeviceType_NPU);

}  // namespace
}  // namespace onlite::ort
