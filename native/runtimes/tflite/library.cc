#include "runtimes/tflite/library.h"

#include <utility>

#include "runtimes/tflite/xnnpack/delegate.h"

namespace onlite::tflite {

// The vendor's name of a table entry is the entry's own, prefixed.
#define ONLITE_TFLITE_MANDATORY(name) \
  if (!library_->Resolve("TfLite" #name, &api_.name)) return "TfLite" #name
#define ONLITE_TFLITE_OPTIONAL(name) library_->Resolve("TfLite" #name, &api_.name)

std::string Library::Resolve() {
  ONLITE_TFLITE_MANDATORY(Version);
  ONLITE_TFLITE_MANDATORY(ModelCreate);
  ONLITE_TFLITE_MANDATORY(ModelDelete);
  ONLITE_TFLITE_MANDATORY(InterpreterOptionsCreate);
  ONLITE_TFLITE_MANDATORY(InterpreterOptionsDelete);
  ONLITE_TFLITE_MANDATORY(InterpreterOptionsSetNumThreads);
  ONLITE_TFLITE_MANDATORY(InterpreterOptionsAddDelegate);
  ONLITE_TFLITE_MANDATORY(InterpreterOptionsSetErrorReporter);
  ONLITE_TFLITE_MANDATORY(InterpreterCreate);
  ONLITE_TFLITE_MANDATORY(InterpreterDelete);
  ONLITE_TFLITE_MANDATORY(InterpreterGetInputTensorCount);
  ONLITE_TFLITE_MANDATORY(InterpreterGetInputTensor);
  ONLITE_TFLITE_MANDATORY(InterpreterResizeInputTensor);
  ONLITE_TFLITE_MANDATORY(InterpreterAllocateTensors);
  ONLITE_TFLITE_MANDATORY(InterpreterInvoke);
  ONLITE_TFLITE_MANDATORY(InterpreterGetOutputTensorCount);
  ONLITE_TFLITE_MANDATORY(InterpreterGetOutputTensor);
  ONLITE_TFLITE_MANDATORY(TensorType);
  ONLITE_TFLITE_MANDATORY(TensorNumDims);
  ONLITE_TFLITE_MANDATORY(TensorDim);
  ONLITE_TFLITE_MANDATORY(TensorByteSize);
  ONLITE_TFLITE_MANDATORY(TensorData);

  // No library for Windows exports it.
  ONLITE_TFLITE_OPTIONAL(TensorRealloc);
  ONLITE_TFLITE_OPTIONAL(ModelCreateWithErrorReporter);
  ONLITE_TFLITE_OPTIONAL(InterpreterOptionsEnableCancellation);
  ONLITE_TFLITE_OPTIONAL(InterpreterCancel);
  ONLITE_TFLITE_OPTIONAL(InterpreterInputTensorIndices);
  ONLITE_TFLITE_OPTIONAL(InterpreterOutputTensorIndices);
  ONLITE_TFLITE_OPTIONAL(InterpreterSetCustomAllocationForTensor);
  ONLITE_TFLITE_OPTIONAL(InterpreterGetTensor);
  ONLITE_TFLITE_OPTIONAL(OpaqueTensorGetAllocationType);
  ONLITE_TFLITE_OPTIONAL(InterpreterOptionsSetTelemetryProfiler);
  ONLITE_TFLITE_OPTIONAL(OperatorCreateWithData);
  ONLITE_TFLITE_OPTIONAL(OperatorDelete);
  ONLITE_TFLITE_OPTIONAL(OperatorSetPrepareWithData);
  ONLITE_TFLITE_OPTIONAL(InterpreterOptionsAddOperator);
  ONLITE_TFLITE_OPTIONAL(OpaqueNodeNumberOfInputs);
  ONLITE_TFLITE_OPTIONAL(OpaqueNodeNumberOfOutputs);
  ONLITE_TFLITE_OPTIONAL(OpaqueNodeGetInput);
  ONLITE_TFLITE_OPTIONAL(OpaqueNodeGetOutput);
  ONLITE_TFLITE_OPTIONAL(OpaqueNodeGetCustomInitialData);
  ONLITE_TFLITE_OPTIONAL(IntArrayCreate);
  ONLITE_TFLITE_OPTIONAL(OpaqueContextResizeTensor);
  ONLITE_TFLITE_OPTIONAL(OpaqueContextGetNumTensors);
  ONLITE_TFLITE_OPTIONAL(OpaqueContextGetOpaqueTensor);
  ONLITE_TFLITE_OPTIONAL(OpaqueDelegateCreate);
  ONLITE_TFLITE_OPTIONAL(OpaqueDelegateDelete);
  ONLITE_TFLITE_OPTIONAL(XNNPackDelegateOptionsDefault);
  library_->Resolve("TfLiteXNNPackDelegateOptionsDefault", &api_.XNNPackDelegateOptionsDefault29);
  ONLITE_TFLITE_OPTIONAL(XNNPackDelegateCreate);
  ONLITE_TFLITE_OPTIONAL(XNNPackDelegateDelete);
  ONLITE_TFLITE_OPTIONAL(XNNPackDelegateWeightsCacheCreate);
  ONLITE_TFLITE_OPTIONAL(XNNPackDelegateWeightsCacheFinalizeSoft);
  ONLITE_TFLITE_OPTIONAL(XNNPackDelegateWeightsCacheDelete);
  // Signature runners are of use only with all of their functions.
  const bool runners = ONLITE_TFLITE_OPTIONAL(InterpreterGetSignatureRunner) &&
                       ONLITE_TFLITE_OPTIONAL(SignatureRunnerDelete) &&
                       ONLITE_TFLITE_OPTIONAL(SignatureRunnerResizeInputTensor) &&
                       ONLITE_TFLITE_OPTIONAL(SignatureRunnerAllocateTensors) &&
                       ONLITE_TFLITE_OPTIONAL(SignatureRunnerInvoke) &&
                       ONLITE_TFLITE_OPTIONAL(SignatureRunnerGetInputTensor) &&
                       ONLITE_TFLITE_OPTIONAL(SignatureRunnerGetOutputTensor);
  if (!runners) api_.InterpreterGetSignatureRunner = nullptr;
  return {};
}

#undef ONLITE_TFLITE_MANDATORY
#undef ONLITE_TFLITE_OPTIONAL

Status Library::Open(const std::string& path, std::unique_ptr<Library>* library) {
  std::unique_ptr<Library> opened(new Library);
  ONLITE_RETURN_IF_ERROR(DynamicLibrary::Open(path, &opened->library_));
  const std::string missing = opened->Resolve();
  if (!missing.empty()) {
    return {ErrorCode::kRuntimeNotFound,
            path + " is not a TensorFlow Lite C library that onlite can use",
            "it does not export " + missing};
  }
  const char* version = opened->api_.Version();
  opened->version_ = version != nullptr ? version : "";
  *library = std::move(opened);
  return Status::Ok();
}

std::vector<std::string> Library::providers() const {
  if (CanUseXnnpack(*this)) return {"xnnpack", "cpu"};
  return {"cpu"};
}

}  // namespace onlite::tflite
