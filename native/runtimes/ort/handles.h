#pragma once

#include <memory>

#include "runtimes/ort/library.h"

/// One owning type per handle of the C API. Valid once the library is loaded.
namespace onlite::ort {

#define ONLITE_ORT_HANDLE(name, type, release)                           \
  struct name##Deleter {                                                 \
    void operator()(type* handle) const { Functions().release(handle); } \
  };                                                                     \
  using name##Handle = std::unique_ptr<type, name##Deleter>

ONLITE_ORT_HANDLE(Status, OrtStatus, ReleaseStatus);
ONLITE_ORT_HANDLE(Allocator, OrtAllocator, ReleaseAllocator);
ONLITE_ORT_HANDLE(MemoryInfo, OrtMemoryInfo, ReleaseMemoryInfo);
ONLITE_ORT_HANDLE(Session, OrtSession, ReleaseSession);
ONLITE_ORT_HANDLE(Value, OrtValue, ReleaseValue);
ONLITE_ORT_HANDLE(IoBinding, OrtIoBinding, ReleaseIoBinding);
ONLITE_ORT_HANDLE(RunOptions, OrtRunOptions, ReleaseRunOptions);
ONLITE_ORT_HANDLE(TypeInfo, OrtTypeInfo, ReleaseTypeInfo);
ONLITE_ORT_HANDLE(TensorInfo, OrtTensorTypeAndShapeInfo, ReleaseTensorTypeAndShapeInfo);
ONLITE_ORT_HANDLE(SessionOptions, OrtSessionOptions, ReleaseSessionOptions);
ONLITE_ORT_HANDLE(ModelMetadata, OrtModelMetadata, ReleaseModelMetadata);
ONLITE_ORT_HANDLE(ThreadingOptions, OrtThreadingOptions, ReleaseThreadingOptions);
ONLITE_ORT_HANDLE(CudaOptions, OrtCUDAProviderOptionsV2, ReleaseCUDAProviderOptions);
ONLITE_ORT_HANDLE(TensorRtOptions, OrtTensorRTProviderOptionsV2, ReleaseTensorRTProviderOptions);

#undef ONLITE_ORT_HANDLE

}  // namespace onlite::ort
