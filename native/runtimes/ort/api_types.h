#pragma once

#include <cstdint>

// The vendor's opaque types, in the global namespace under the vendor's names,
// so that our pointer types are the same types as the vendor's (check:abi).
struct OrtAllocator;
struct OrtCUDAProviderOptionsV2;
struct OrtCustomHandleType;
struct OrtEnv;
struct OrtEpDevice;
struct OrtHardwareDevice;
struct OrtIoBinding;
struct OrtKeyValuePairs;
struct OrtMapTypeInfo;
struct OrtMemoryInfo;
struct OrtModelMetadata;
struct OrtOptionalTypeInfo;
struct OrtRunOptions;
struct OrtSequenceTypeInfo;
struct OrtSession;
struct OrtSessionOptions;
struct OrtStatus;
struct OrtSyncStream;
struct OrtTensorRTProviderOptionsV2;
struct OrtTensorTypeAndShapeInfo;
struct OrtThreadingOptions;
struct OrtTypeInfo;
struct OrtValue;

#ifdef _WIN32
#define ONLITE_ORT_CALL __stdcall
#else
#define ONLITE_ORT_CALL
#endif

/// Our own declaration of the part of the ONNX Runtime C API that onlite uses.
/// The enumerations have the vendor's values (check:abi compares them) and are
/// ints in the C ABI.
namespace onlite::ort {

#ifdef _WIN32
using PathChar = wchar_t;
#else
using PathChar = char;
#endif

enum OrtCode : int {
  kOrtOk = 0,
  kOrtFail = 1,
  kOrtInvalidArgument = 2,
  kOrtNoSuchFile = 3,
  kOrtNoModel = 4,
  kOrtEngineError = 5,
  kOrtRuntimeException = 6,
  kOrtInvalidProtobuf = 7,
  kOrtModelLoaded = 8,
  kOrtNotImplemented = 9,
  kOrtInvalidGraph = 10,
  kOrtEpFail = 11,
  kOrtModelLoadCanceled = 12,
};

enum OnnxElementType : int {
  kOnnxUndefined = 0,
  kOnnxFloat = 1,
  kOnnxUInt8 = 2,
  kOnnxInt8 = 3,
  kOnnxUInt16 = 4,
  kOnnxInt16 = 5,
  kOnnxInt32 = 6,
  kOnnxInt64 = 7,
  kOnnxString = 8,
  kOnnxBool = 9,
  kOnnxFloat16 = 10,
  kOnnxDouble = 11,
  kOnnxUInt32 = 12,
  kOnnxUInt64 = 13,
  kOnnxComplex64 = 14,
  kOnnxComplex128 = 15,
  kOnnxBFloat16 = 16,
  kOnnxFloat8E4M3FN = 17,
  kOnnxFloat8E4M3FNUZ = 18,
  kOnnxFloat8E5M2 = 19,
  kOnnxFloat8E5M2FNUZ = 20,
  kOnnxUInt4 = 21,
  kOnnxInt4 = 22,
  kOnnxFloat4E2M1 = 23,
  kOnnxUInt2 = 24,
  kOnnxInt2 = 25,
};

enum OnnxType : int {
  kOnnxTypeUnknown = 0,
  kOnnxTypeTensor = 1,
  kOnnxTypeSequence = 2,
  kOnnxTypeMap = 3,
  kOnnxTypeOpaque = 4,
  kOnnxTypeSparseTensor = 5,
  kOnnxTypeOptional = 6,
};

enum LoggingLevel : int {
  kLogVerbose = 0,
  kLogInfo = 1,
  kLogWarning = 2,
  kLogError = 3,
  kLogFatal = 4,
};

enum GraphOptimizationLevel : int {
  kOptimizeNone = 0,
  kOptimizeBasic = 1,
  kOptimizeExtended = 2,
  kOptimizeLayout = 3,
  kOptimizeAll = 99,
};

enum ExecutionMode : int {
  kExecuteSequential = 0,
  kExecuteParallel = 1,
};

enum AllocatorType : int {
  kAllocatorInvalid = -1,
  kAllocatorDevice = 0,
  kAllocatorArena = 1,
};

enum DeviceType : int {
  kDeviceCpu = 0,
  kDeviceGpu = 1,
  kDeviceFpga = 2,
  kDeviceNpu = 3,
};

enum HardwareDeviceType : int {
  kHardwareCpu = 0,
  kHardwareGpu = 1,
  kHardwareNpu = 2,
};

enum MemoryType : int {
  kMemoryCpuInput = -2,
  kMemoryCpuOutput = -1,
  kMemoryDefault = 0,
};

/// A thread of a session's pool that the program makes; null where it could not.
using CustomThreadHandle = const OrtCustomHandleType*;
/// What such a thread is to do.
using ThreadWorkerFunction = void(void* argument);
using CustomCreateThreadFunction = CustomThreadHandle(void* options, ThreadWorkerFunction* work,
                                                      void* argument);
using CustomJoinThreadFunction = void(CustomThreadHandle thread);

}  // namespace onlite::ort
