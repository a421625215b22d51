#pragma once

#include "runtimes/ort/api_types.h"

/// The functions onlite uses, by slot: F(slot, result, name, (parameters)).
/// A slot is the index in the vendor's append-only table of function pointers,
/// the same in every version. All of these exist since API version
/// kMinimumApiVersion (api.h); check:abi compares slots and signatures.
// clang-format off
#define ONLITE_ORT_FUNCTIONS(F)                                                                   \
  F(0, OrtStatus*, CreateStatus, (OrtCode, const char*))                                          \
  F(1, OrtCode, GetErrorCode, (const OrtStatus*))                                                 \
  F(2, const char*, GetErrorMessage, (const OrtStatus*))                                          \
  F(7, OrtStatus*, CreateSession,                                                                 \
    (const OrtEnv*, const PathChar*, const OrtSessionOptions*, OrtSession**))                     \
  F(8, OrtStatus*, CreateSessionFromArray,                                                        \
    (const OrtEnv*, const void*, size_t, const OrtSessionOptions*, OrtSession**))                 \
  F(9, OrtStatus*, Run,                                                                           \
    (OrtSession*, const OrtRunOptions*, const char* const*, const OrtValue* const*, size_t,       \
     const char* const*, size_t, OrtValue**))                                                     \
  F(10, OrtStatus*, CreateSessionOptions, (OrtSessionOptions**))                                  \
  F(11, OrtStatus*, SetOptimizedModelFilePath, (OrtSessionOptions*, const PathChar*))             \
  F(13, OrtStatus*, SetSessionExecutionMode, (OrtSessionOptions*, ExecutionMode))                 \
  F(14, OrtStatus*, EnableProfiling, (OrtSessionOptions*, const PathChar*))                       \
  F(16, OrtStatus*, EnableMemPattern, (OrtSessionOptions*))                                       \
  F(17, OrtStatus*, DisableMemPattern, (OrtSessionOptions*))                                      \
  F(18, OrtStatus*, EnableCpuMemArena, (OrtSessionOptions*))                                      \
  F(19, OrtStatus*, DisableCpuMemArena, (OrtSessionOptions*))                                     \
  F(20, OrtStatus*, SetSessionLogId, (OrtSessionOptions*, const char*))                           \
  F(21, OrtStatus*, SetSessionLogVerbosityLevel, (OrtSessionOptions*, int))                       \
  F(22, OrtStatus*, SetSessionLogSeverityLevel, (OrtSessionOptions*, int))                        \
  F(23, OrtStatus*, SetSessionGraphOptimizationLevel,                                             \
    (OrtSessionOptions*, GraphOptimizationLevel))                                                 \
  F(24, OrtStatus*, SetIntraOpNumThreads, (OrtSessionOptions*, int))                              \
  F(25, OrtStatus*, SetInterOpNumThreads, (OrtSessionOptions*, int))                              \
  F(30, OrtStatus*, SessionGetInputCount, (const OrtSession*, size_t*))                           \
  F(31, OrtStatus*, SessionGetOutputCount, (const OrtSession*, size_t*))                          \
  F(32, OrtStatus*, SessionGetOverridableInitializerCount, (const OrtSession*, size_t*))          \
  F(33, OrtStatus*, SessionGetInputTypeInfo, (const OrtSession*, size_t, OrtTypeInfo**))          \
  F(34, OrtStatus*, SessionGetOutputTypeInfo, (const OrtSession*, size_t, OrtTypeInfo**))         \
  F(35, OrtStatus*, SessionGetOverridableInitializerTypeInfo,                                     \
    (const OrtSession*, size_t, OrtTypeInfo**))                                                   \
  F(36, OrtStatus*, SessionGetInputName, (const OrtSession*, size_t, OrtAllocator*, char**))      \
  F(37, OrtStatus*, SessionGetOutputName, (const OrtSession*, size_t, OrtAllocator*, char**))     \
  F(38, OrtStatus*, SessionGetOverridableInitializerName,                                         \
    (const OrtSession*, size_t, OrtAllocator*, char**))                                           \
  F(39, OrtStatus*, CreateRunOptions, (OrtRunOptions**))                                          \
  F(40, OrtStatus*, RunOptionsSetRunLogVerbosityLevel, (OrtRunOptions*, int))                     \
  F(41, OrtStatus*, RunOptionsSetRunLogSeverityLevel, (OrtRunOptions*, int))                      \
  F(42, OrtStatus*, RunOptionsSetRunTag, (OrtRunOptions*, const char*))                           \
  F(46, OrtStatus*, RunOptionsSetTerminate, (OrtRunOptions*))                                     \
  F(47, OrtStatus*, RunOptionsUnsetTerminate, (OrtRunOptions*))                                   \
  F(48, OrtStatus*, CreateTensorAsOrtValue,                                                       \
    (OrtAllocator*, const int64_t*, size_t, OnnxElementType, OrtValue**))                         \
  F(49, OrtStatus*, CreateTensorWithDataAsOrtValue,                                               \
    (const OrtMemoryInfo*, void*, size_t, const int64_t*, size_t, OnnxElementType,                \
     OrtValue**))                                                                                 \
  F(50, OrtStatus*, IsTensor, (const OrtValue*, int*))                                            \
  F(51, OrtStatus*, GetTensorMutableData, (OrtValue*, void**))                                    \
  F(53, OrtStatus*, GetStringTensorDataLength, (const OrtValue*, size_t*))                        \
  F(54, OrtStatus*, GetStringTensorContent, (const OrtValue*, void*, size_t, size_t*, size_t))    \
  F(55, OrtStatus*, CastTypeInfoToTensorInfo,                                                     \
    (const OrtTypeInfo*, const OrtTensorTypeAndShapeInfo**))                                      \
  F(56, OrtStatus*, GetOnnxTypeFromTypeInfo, (const OrtTypeInfo*, OnnxType*))                     \
  F(60, OrtStatus*, GetTensorElementType, (const OrtTensorTypeAndShapeInfo*, OnnxElementType*))   \
  F(61, OrtStatus*, GetDimensionsCount, (const OrtTensorTypeAndShapeInfo*, size_t*))              \
  F(62, OrtStatus*, GetDimensions, (const OrtTensorTypeAndShapeInfo*, int64_t*, size_t))          \
  F(63, OrtStatus*, GetSymbolicDimensions,                                                        \
    (const OrtTensorTypeAndShapeInfo*, const char**, size_t))                                     \
  F(64, OrtStatus*, GetTensorShapeElementCount, (const OrtTensorTypeAndShapeInfo*, size_t*))      \
  F(65, OrtStatus*, GetTensorTypeAndShape, (const OrtValue*, OrtTensorTypeAndShapeInfo**))        \
  F(66, OrtStatus*, GetTypeInfo, (const OrtValue*, OrtTypeInfo**))                                \
  F(67, OrtStatus*, GetValueType, (const OrtValue*, OnnxType*))                                   \
  F(68, OrtStatus*, CreateMemoryInfo,                                                             \
    (const char*, AllocatorType, int, MemoryType, OrtMemoryInfo**))                               \
  F(69, OrtStatus*, CreateCpuMemoryInfo, (AllocatorType, MemoryType, OrtMemoryInfo**))            \
  F(75, OrtStatus*, AllocatorAlloc, (OrtAllocator*, size_t, void**))                              \
  F(76, OrtStatus*, AllocatorFree, (OrtAllocator*, void*))                                        \
  F(78, OrtStatus*, GetAllocatorWithDefaultOptions, (OrtAllocator**))                             \
  F(79, OrtStatus*, AddFreeDimensionOverride, (OrtSessionOptions*, const char*, int64_t))         \
  F(80, OrtStatus*, GetValue, (const OrtValue*, int, OrtAllocator*, OrtValue**))                  \
  F(81, OrtStatus*, GetValueCount, (const OrtValue*, size_t*))                                    \
  F(82, OrtStatus*, CreateValue, (const OrtValue* const*, size_t, OnnxType, OrtValue**))          \
  F(92, void, ReleaseEnv, (OrtEnv*))                                                              \
  F(93, void, ReleaseStatus, (OrtStatus*))                                                        \
  F(94, void, ReleaseMemoryInfo, (OrtMemoryInfo*))                                                \
  F(95, void, ReleaseSession, (OrtSession*))                                                      \
  F(96, void, ReleaseValue, (OrtValue*))                                                          \
  F(97, void, ReleaseRunOptions, (OrtRunOptions*))                                                \
  F(98, void, ReleaseTypeInfo, (OrtTypeInfo*))                                                    \
  F(99, void, ReleaseTensorTypeAndShapeInfo, (OrtTensorTypeAndShapeInfo*))                        \
  F(100, void, ReleaseSessionOptions, (OrtSessionOptions*))                                       \
  F(103, OrtStatus*, CastTypeInfoToMapTypeInfo, (const OrtTypeInfo*, const OrtMapTypeInfo**))     \
  F(104, OrtStatus*, CastTypeInfoToSequenceTypeInfo,                                              \
    (const OrtTypeInfo*, const OrtSequenceTypeInfo**))                                            \
  F(105, OrtStatus*, GetMapKeyType, (const OrtMapTypeInfo*, OnnxElementType*))                    \
  F(106, OrtStatus*, GetMapValueType, (const OrtMapTypeInfo*, OrtTypeInfo**))                     \
  F(107, OrtStatus*, GetSequenceElementType, (const OrtSequenceTypeInfo*, OrtTypeInfo**))         \
  F(110, OrtStatus*, SessionEndProfiling, (OrtSession*, OrtAllocator*, char**))                   \
  F(111, OrtStatus*, SessionGetModelMetadata, (const OrtSession*, OrtModelMetadata**))            \
  F(112, OrtStatus*, ModelMetadataGetProducerName,                                                \
    (const OrtModelMetadata*, OrtAllocator*, char**))                                             \
  F(113, OrtStatus*, ModelMetadataGetGraphName, (const OrtModelMetadata*, OrtAllocator*, char**)) \
  F(114, OrtStatus*, ModelMetadataGetDomain, (const OrtModelMetadata*, OrtAllocator*, char**))    \
  F(115, OrtStatus*, ModelMetadataGetDescription,                                                 \
    (const OrtModelMetadata*, OrtAllocator*, char**))                                             \
  F(116, OrtStatus*, ModelMetadataLookupCustomMetadataMap,                                        \
    (const OrtModelMetadata*, OrtAllocator*, const char*, char**))                                \
  F(117, OrtStatus*, ModelMetadataGetVersion, (const OrtModelMetadata*, int64_t*))                \
  F(118, void, ReleaseModelMetadata, (OrtModelMetadata*))                                         \
  F(119, OrtStatus*, CreateEnvWithGlobalThreadPools,                                              \
    (LoggingLevel, const char*, const OrtThreadingOptions*, OrtEnv**))                            \
  F(120, OrtStatus*, DisablePerSessionThreads, (OrtSessionOptions*))                              \
  F(121, OrtStatus*, CreateThreadingOptions, (OrtThreadingOptions**))                             \
  F(122, void, ReleaseThreadingOptions, (OrtThreadingOptions*))                                   \
  F(123, OrtStatus*, ModelMetadataGetCustomMetadataMapKeys,                                       \
    (const OrtModelMetadata*, OrtAllocator*, char***, int64_t*))                                  \
  F(124, OrtStatus*, AddFreeDimensionOverrideByName, (OrtSessionOptions*, const char*, int64_t))  \
  F(125, OrtStatus*, GetAvailableProviders, (char***, int*))                                      \
  F(126, OrtStatus*, ReleaseAvailableProviders, (char**, int))                                    \
  F(127, OrtStatus*, GetStringTensorElementLength, (const OrtValue*, size_t, size_t*))            \
  F(128, OrtStatus*, GetStringTensorElement, (const OrtValue*, size_t, size_t, void*))            \
  F(130, OrtStatus*, AddSessionConfigEntry, (OrtSessionOptions*, const char*, const char*))       \
  F(131, OrtStatus*, CreateAllocator, (const OrtSession*, const OrtMemoryInfo*, OrtAllocator**))  \
  F(132, void, ReleaseAllocator, (OrtAllocator*))                                                 \
  F(133, OrtStatus*, RunWithBinding, (OrtSession*, const OrtRunOptions*, const OrtIoBinding*))    \
  F(134, OrtStatus*, CreateIoBinding, (OrtSession*, OrtIoBinding**))                              \
  F(135, void, ReleaseIoBinding, (OrtIoBinding*))                                                 \
  F(136, OrtStatus*, BindInput, (OrtIoBinding*, const char*, const OrtValue*))                    \
  F(137, OrtStatus*, BindOutput, (OrtIoBinding*, const char*, const OrtValue*))                   \
  F(138, OrtStatus*, BindOutputToDevice, (OrtIoBinding*, const char*, const OrtMemoryInfo*))      \
  F(139, OrtStatus*, GetBoundOutputNames,                                                         \
    (const OrtIoBinding*, OrtAllocator*, char**, size_t**, size_t*))                              \
  F(140, OrtStatus*, GetBoundOutputValues,                                                        \
    (const OrtIoBinding*, OrtAllocator*, OrtValue***, size_t*))                                   \
  F(141, void, ClearBoundInputs, (OrtIoBinding*))                                                 \
  F(142, void, ClearBoundOutputs, (OrtIoBinding*))                                                \
  F(147, OrtStatus*, SetGlobalIntraOpNumThreads, (OrtThreadingOptions*, int))                     \
  F(148, OrtStatus*, SetGlobalInterOpNumThreads, (OrtThreadingOptions*, int))                     \
  F(149, OrtStatus*, SetGlobalSpinControl, (OrtThreadingOptions*, int))                           \
  F(150, OrtStatus*, AddInitializer, (OrtSessionOptions*, const char*, const OrtValue*))          \
  F(158, OrtStatus*, ModelMetadataGetGraphDescription,                                            \
    (const OrtModelMetadata*, OrtAllocator*, char**))                                             \
  F(165, OrtStatus*, AddRunConfigEntry, (OrtRunOptions*, const char*, const char*))               \
  F(170, OrtStatus*, SessionOptionsAppendExecutionProvider_TensorRT_V2,                           \
    (OrtSessionOptions*, const OrtTensorRTProviderOptionsV2*))                                    \
  F(171, OrtStatus*, CreateTensorRTProviderOptions, (OrtTensorRTProviderOptionsV2**))             \
  F(172, OrtStatus*, UpdateTensorRTProviderOptions,                                               \
    (OrtTensorRTProviderOptionsV2*, const char* const*, const char* const*, size_t))              \
  F(174, void, ReleaseTensorRTProviderOptions, (OrtTensorRTProviderOptionsV2*))                   \
  F(192, OrtStatus*, HasValue, (const OrtValue*, int*))                                           \
  F(194, OrtStatus*, GetTensorMemoryInfo, (const OrtValue*, const OrtMemoryInfo**))               \
  F(196, OrtStatus*, SessionOptionsSetCustomCreateThreadFn,                                       \
    (OrtSessionOptions*, CustomCreateThreadFunction*))                                            \
  F(198, OrtStatus*, SessionOptionsSetCustomJoinThreadFn,                                         \
    (OrtSessionOptions*, CustomJoinThreadFunction*))                                              \
  F(202, OrtStatus*, SynchronizeBoundInputs, (OrtIoBinding*))                                     \
  F(203, OrtStatus*, SynchronizeBoundOutputs, (OrtIoBinding*))                                    \
  F(204, OrtStatus*, SessionOptionsAppendExecutionProvider_CUDA_V2,                               \
    (OrtSessionOptions*, const OrtCUDAProviderOptionsV2*))                                        \
  F(205, OrtStatus*, CreateCUDAProviderOptions, (OrtCUDAProviderOptionsV2**))                     \
  F(206, OrtStatus*, UpdateCUDAProviderOptions,                                                   \
    (OrtCUDAProviderOptionsV2*, const char* const*, const char* const*, size_t))                  \
  F(208, void, ReleaseCUDAProviderOptions, (OrtCUDAProviderOptionsV2*))                           \
  F(210, OrtStatus*, AddExternalInitializers,                                                     \
    (OrtSessionOptions*, const char* const*, const OrtValue* const*, size_t))                     \
  F(216, OrtStatus*, SessionOptionsAppendExecutionProvider,                                       \
    (OrtSessionOptions*, const char*, const char* const*, const char* const*, size_t))            \
  F(225, void, MemoryInfoGetDeviceType, (const OrtMemoryInfo*, DeviceType*))                      \
  F(250, OrtStatus*, CastTypeInfoToOptionalTypeInfo,                                              \
    (const OrtTypeInfo*, const OrtOptionalTypeInfo**))                                            \
  F(251, OrtStatus*, GetOptionalContainedTypeInfo, (const OrtOptionalTypeInfo*, OrtTypeInfo**))   \
  F(252, OrtStatus*, GetResizedStringTensorElementBuffer, (OrtValue*, size_t, size_t, char**))    \
  F(254, const char*, GetBuildInfoString, ())

/// Functions that only newer libraries have: F(slot, since, result, name,
/// (parameters)), since = the first API version. Null in older ones.
#define ONLITE_ORT_OPTIONAL_FUNCTIONS(F)                                                          \
  F(293, 22, OrtStatus*, SessionOptionsSetLoadCancellationFlag, (OrtSessionOptions*, bool))       \
  F(298, 22, void, GetKeyValuePairs,                                                              \
    (const OrtKeyValuePairs*, const char* const**, const char* const**, size_t*))                 \
  F(301, 22, OrtStatus*, RegisterExecutionProviderLibrary,                                        \
    (OrtEnv*, const char*, const PathChar*))                                                      \
  F(303, 22, OrtStatus*, GetEpDevices, (const OrtEnv*, const OrtEpDevice* const**, size_t*))      \
  F(304, 22, OrtStatus*, SessionOptionsAppendExecutionProvider_V2,                                \
    (OrtSessionOptions*, OrtEnv*, const OrtEpDevice* const*, size_t, const char* const*,          \
     const char* const*, size_t))                                                                 \
  F(307, 22, HardwareDeviceType, HardwareDevice_Type, (const OrtHardwareDevice*))                 \
  F(308, 22, uint32_t, HardwareDevice_VendorId, (const OrtHardwareDevice*))                       \
  F(309, 22, const char*, HardwareDevice_Vendor, (const OrtHardwareDevice*))                      \
  F(310, 22, uint32_t, HardwareDevice_DeviceId, (const OrtHardwareDevice*))                       \
  F(311, 22, const OrtKeyValuePairs*, HardwareDevice_Metadata, (const OrtHardwareDevice*))        \
  F(312, 22, const char*, EpDevice_EpName, (const OrtEpDevice*))                                  \
  F(314, 22, const OrtKeyValuePairs*, EpDevice_EpMetadata, (const OrtEpDevice*))                  \
  F(316, 22, const OrtHardwareDevice*, EpDevice_Device, (const OrtEpDevice*))                     \
  F(380, 23, OrtStatus*, SessionGetMemoryInfoForInputs,                                           \
    (const OrtSession*, const OrtMemoryInfo**, size_t))                                           \
  F(381, 23, OrtStatus*, SessionGetMemoryInfoForOutputs,                                          \
    (const OrtSession*, const OrtMemoryInfo**, size_t))                                           \
  F(386, 23, OrtStatus*, CopyTensors,                                                             \
    (const OrtEnv*, const OrtValue* const*, OrtValue* const*, OrtSyncStream*, size_t))            \
  F(415, 25, OrtStatus*, RunOptionsEnableProfiling, (OrtRunOptions*, const PathChar*))
// clang-format on
