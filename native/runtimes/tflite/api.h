#pragma once

#include <cstdarg>
#include <cstddef>
#include <cstdint>

/// Our own declarations of the TensorFlow Lite C functions that onlite calls.
/// `npm run check:abi` compares them with the vendor's headers. The vendor's
/// struct names are declared in the global namespace, as the vendor does.

struct TfLiteModel;
struct TfLiteInterpreterOptions;
struct TfLiteCustomAllocation;
struct TfLiteInterpreter;
struct TfLiteSignatureRunner;
struct TfLiteTensor;
struct TfLiteDelegate;
struct TfLiteOpaqueTensor;
struct TfLiteOpaqueContext;
struct TfLiteOpaqueNode;
struct TfLiteOpaqueDelegateBuilder;
struct TfLiteOperator;
struct TfLiteIntArray;
struct TfLiteXNNPackDelegateWeightsCache;
struct TfLiteTelemetryProfilerStruct;

namespace onlite::tflite {

/// The vendor's TfLiteStatus.
enum class ApiStatus : int {
  kOk = 0,
  kError = 1,
  kDelegateError = 2,
  kApplicationError = 3,
  kUnresolvedOps = 7,
  kCancelled = 8,
};

/// The vendor's TfLiteType: not the numbering of the model file (schema.h).
enum class ApiType : int {
  kNoType = 0,
  kFloat32 = 1,
  kInt32 = 2,
  kUInt8 = 3,
  kInt64 = 4,
  kString = 5,
  kBool = 6,
  kInt16 = 7,
  kComplex64 = 8,
  kInt8 = 9,
  kFloat16 = 10,
  kFloat64 = 11,
  kComplex128 = 12,
  kUInt64 = 13,
  kResource = 14,
  kVariant = 15,
  kUInt32 = 16,
  kUInt16 = 17,
  kInt4 = 18,
  kBFloat16 = 19,
};

/// The vendor's TfLiteAllocationType, as far as it is asked for.
enum class ApiAllocationType : int { kMmapReadOnly = 1, kArena = 2, kDynamic = 4, kCustom = 6 };

using ErrorReporter = void (*)(void* user_data, const char* format, va_list arguments);

/// The vendor's TfLiteXNNPackDelegateOptions, of which only some offsets are
/// known (xnnpack/delegate.cc). Larger than any version's, and like all of them from
/// 2.11 on large enough to be returned through a hidden pointer on every ABI.
struct XnnpackOptions {
  alignas(8) unsigned char bytes[256];
};

/// The options of 2.9: eight bytes, which every ABI returns in a register, so
/// that its OptionsDefault must be called with this type and not with ours.
struct XnnpackOptions29 {
  int32_t num_threads;
  uint32_t flags;
};

/// The vendor's TfLiteCustomAllocation.
struct CustomAllocation {
  void* data;
  size_t bytes;
};

/// The vendor's TfLiteTelemetryProfilerStruct: what an interpreter tells of its
/// work. Its own comment promises no stable layout; operator_recorder.cc says
/// with which versions this one was tried. No member may be null.
struct TelemetryProfiler {
  void* data;
  void (*ReportTelemetryEvent)(TelemetryProfiler* self, const char* name, uint64_t status);
  void (*ReportTelemetryOpEvent)(TelemetryProfiler* self, const char* name, int64_t index,
                                 int64_t subgraph, uint64_t status);
  void (*ReportSettings)(TelemetryProfiler* self, const char* name, const void* settings);
  /// The result is handed to ReportEndOpInvokeEvent.
  uint32_t (*ReportBeginOpInvokeEvent)(TelemetryProfiler* self, const char* name, int64_t index,
                                       int64_t subgraph);
  void (*ReportEndOpInvokeEvent)(TelemetryProfiler* self, uint32_t handle);
  void (*ReportOpInvokeEvent)(TelemetryProfiler* self, const char* name, uint64_t microseconds,
                              int64_t index, int64_t subgraph);
};

/// The vendor's TfLiteOpaqueDelegateBuilder.
struct OpaqueDelegateBuilder {
  void* data;
  /// Called for each subgraph of an interpreter that is made with the delegate.
  ApiStatus (*Prepare)(TfLiteOpaqueContext* context, TfLiteDelegate* delegate, void* data);
  void* CopyFromBufferHandle;
  void* CopyToBufferHandle;
  void* FreeBufferHandle;
  /// kAllowDynamicTensors: the runtime prepares nothing before it calls Prepare.
  int64_t flags;
};
inline constexpr int64_t kAllowDynamicTensors = 1;

/// The vendor's TfLiteIntArray, of which these are the first members.
struct IntArray {
  int size;
  int data[1];
};

/// What an operator's Prepare is given: `user_data` is the operator's.
using OperatorPrepare = ApiStatus (*)(void* user_data, TfLiteOpaqueContext* context,
                                      TfLiteOpaqueNode* node);

/// Function pointers by symbol. The names are the vendor's without "TfLite".
struct Api {
  // Exported by every version onlite supports (2.9 on); a library without one
  // of them is refused.
  const char* (*Version)();
  TfLiteModel* (*ModelCreate)(const void* data, size_t size);
  void (*ModelDelete)(TfLiteModel* model);
  TfLiteInterpreterOptions* (*InterpreterOptionsCreate)();
  void (*InterpreterOptionsDelete)(TfLiteInterpreterOptions* options);
  void (*InterpreterOptionsSetNumThreads)(TfLiteInterpreterOptions* options, int32_t threads);
  void (*InterpreterOptionsAddDelegate)(TfLiteInterpreterOptions* options,
                                        TfLiteDelegate* delegate);
  void (*InterpreterOptionsSetErrorReporter)(TfLiteInterpreterOptions* options,
                                             ErrorReporter reporter, void* user_data);
  TfLiteInterpreter* (*InterpreterCreate)(const TfLiteModel* model,
                                          const TfLiteInterpreterOptions* options);
  void (*InterpreterDelete)(TfLiteInterpreter* interpreter);
  int32_t (*InterpreterGetInputTensorCount)(const TfLiteInterpreter* interpreter);
  TfLiteTensor* (*InterpreterGetInputTensor)(const TfLiteInterpreter* interpreter, int32_t index);
  ApiStatus (*InterpreterResizeInputTensor)(TfLiteInterpreter* interpreter, int32_t index,
                                            const int* dims, int32_t rank);
  ApiStatus (*InterpreterAllocateTensors)(TfLiteInterpreter* interpreter);
  ApiStatus (*InterpreterInvoke)(TfLiteInterpreter* interpreter);
  int32_t (*InterpreterGetOutputTensorCount)(const TfLiteInterpreter* interpreter);
  const TfLiteTensor* (*InterpreterGetOutputTensor)(const TfLiteInterpreter* interpreter,
                                                    int32_t index);
  ApiType (*TensorType)(const TfLiteTensor* tensor);
  int32_t (*TensorNumDims)(const TfLiteTensor* tensor);
  int32_t (*TensorDim)(const TfLiteTensor* tensor, int32_t index);
  size_t (*TensorByteSize)(const TfLiteTensor* tensor);
  void* (*TensorData)(const TfLiteTensor* tensor);
  /// Returns nothing in 2.9: never look at the result, ask for the tensor's size.
  ApiStatus (*TensorRealloc)(size_t bytes, TfLiteTensor* tensor);

  // Null where the library is too old or was built without it.
  TfLiteModel* (*ModelCreateWithErrorReporter)(const void* data, size_t size,
                                               ErrorReporter reporter, void* user_data);
  ApiStatus (*InterpreterOptionsEnableCancellation)(TfLiteInterpreterOptions* options, bool enable);
  ApiStatus (*InterpreterCancel)(const TfLiteInterpreter* interpreter);
  const int* (*InterpreterInputTensorIndices)(const TfLiteInterpreter* interpreter);
  const int* (*InterpreterOutputTensorIndices)(const TfLiteInterpreter* interpreter);
  ApiStatus (*InterpreterSetCustomAllocationForTensor)(TfLiteInterpreter* interpreter, int index,
                                                       const TfLiteCustomAllocation* allocation,
                                                       int64_t flags);
  TfLiteTensor* (*InterpreterGetTensor)(const TfLiteInterpreter* interpreter, int index);
  TfLiteSignatureRunner* (*InterpreterGetSignatureRunner)(const TfLiteInterpreter* interpreter,
                                                          const char* key);
  void (*SignatureRunnerDelete)(TfLiteSignatureRunner* runner);
  ApiStatus (*SignatureRunnerResizeInputTensor)(TfLiteSignatureRunner* runner, const char* name,
                                                const int* dims, int32_t rank);
  ApiStatus (*SignatureRunnerAllocateTensors)(TfLiteSignatureRunner* runner);
  ApiStatus (*SignatureRunnerInvoke)(TfLiteSignatureRunner* runner);
  TfLiteTensor* (*SignatureRunnerGetInputTensor)(TfLiteSignatureRunner* runner, const char* name);
  const TfLiteTensor* (*SignatureRunnerGetOutputTensor)(const TfLiteSignatureRunner* runner,
                                                        const char* name);
  ApiAllocationType (*OpaqueTensorGetAllocationType)(const TfLiteOpaqueTensor* tensor);
  /// The profiler must outlive the interpreters made with the options.
  void (*InterpreterOptionsSetTelemetryProfiler)(TfLiteInterpreterOptions* options,
                                                 TfLiteTelemetryProfilerStruct* profiler);

  /// Made by 2.17 and later; an operator outlives the interpreters made with it.
  TfLiteOperator* (*OperatorCreateWithData)(int builtin_code, const char* custom_name, int version,
                                            void* user_data);
  void (*OperatorDelete)(TfLiteOperator* made);
  void (*OperatorSetPrepareWithData)(TfLiteOperator* made, OperatorPrepare prepare);
  void (*InterpreterOptionsAddOperator)(TfLiteInterpreterOptions* options, TfLiteOperator* made);
  int (*OpaqueNodeNumberOfInputs)(const TfLiteOpaqueNode* node);
  int (*OpaqueNodeNumberOfOutputs)(const TfLiteOpaqueNode* node);
  const TfLiteOpaqueTensor* (*OpaqueNodeGetInput)(const TfLiteOpaqueContext* context,
                                                  const TfLiteOpaqueNode* node, int index);
  TfLiteOpaqueTensor* (*OpaqueNodeGetOutput)(TfLiteOpaqueContext* context,
                                             const TfLiteOpaqueNode* node, int index);
  ApiStatus (*OpaqueNodeGetCustomInitialData)(const TfLiteOpaqueNode* node, const void** data,
                                              int* size);
  TfLiteIntArray* (*IntArrayCreate)(int size);
  /// Takes the array.
  ApiStatus (*OpaqueContextResizeTensor)(TfLiteOpaqueContext* context, TfLiteOpaqueTensor* tensor,
                                         TfLiteIntArray* dims);
  size_t (*OpaqueContextGetNumTensors)(const TfLiteOpaqueContext* context);
  TfLiteOpaqueTensor* (*OpaqueContextGetOpaqueTensor)(const TfLiteOpaqueContext* context,
                                                      int index);
  TfLiteDelegate* (*OpaqueDelegateCreate)(const OpaqueDelegateBuilder* builder);
  void (*OpaqueDelegateDelete)(TfLiteDelegate* delegate);

  XnnpackOptions (*XNNPackDelegateOptionsDefault)();
  /// The same function, for 2.9 only.
  XnnpackOptions29 (*XNNPackDelegateOptionsDefault29)();
  TfLiteDelegate* (*XNNPackDelegateCreate)(const XnnpackOptions* options);
  void (*XNNPackDelegateDelete)(TfLiteDelegate* delegate);
  TfLiteXNNPackDelegateWeightsCache* (*XNNPackDelegateWeightsCacheCreate)();
  bool (*XNNPackDelegateWeightsCacheFinalizeSoft)(TfLiteXNNPackDelegateWeightsCache* cache);
  void (*XNNPackDelegateWeightsCacheDelete)(TfLiteXNNPackDelegateWeightsCache* cache);

  bool has_custom_allocation() const {
    return InterpreterSetCustomAllocationForTensor != nullptr &&
           InterpreterInputTensorIndices != nullptr && InterpreterOutputTensorIndices != nullptr;
  }
  bool has_signature_runners() const { return InterpreterGetSignatureRunner != nullptr; }
  bool has_cancellation() const {
    return InterpreterOptionsEnableCancellation != nullptr && InterpreterCancel != nullptr;
  }
  bool has_operators() const {
    return OperatorCreateWithData != nullptr && OperatorDelete != nullptr &&
           OperatorSetPrepareWithData != nullptr && InterpreterOptionsAddOperator != nullptr &&
           OpaqueNodeNumberOfInputs != nullptr && OpaqueNodeNumberOfOutputs != nullptr &&
           OpaqueNodeGetInput != nullptr && OpaqueNodeGetOutput != nullptr &&
           OpaqueNodeGetCustomInitialData != nullptr && IntArrayCreate != nullptr &&
           OpaqueContextResizeTensor != nullptr;
  }
  bool has_opaque_delegates() const {
    return OpaqueContextGetNumTensors != nullptr && OpaqueContextGetOpaqueTensor != nullptr &&
           OpaqueDelegateCreate != nullptr && OpaqueDelegateDelete != nullptr &&
           OpaqueTensorGetAllocationType != nullptr;
  }
  bool has_xnnpack() const {
    return XNNPackDelegateOptionsDefault != nullptr && XNNPackDelegateCreate != nullptr &&
           XNNPackDelegateDelete != nullptr;
  }
  bool has_weights_cache() const {
    return XNNPackDelegateWeightsCacheCreate != nullptr &&
           XNNPackDelegateWeightsCacheFinalizeSoft != nullptr &&
           XNNPackDelegateWeightsCacheDelete != nullptr;
  }
};

}  // namespace onlite::tflite
