// A backend of Triton over ONNX Runtime's C API: what Triton can do with the library that onlite
// uses, and no more. For float32 tensors whose dims, but for the first, the model says; the first
// is 1 where it does not. The library is the one that ONLITE_BENCH_ORT names.
#include <chrono>
#include <cstdlib>
#include <cstring>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/ort/handles.h"
#include "runtimes/ort/library.h"
#include "triton_api.h"

namespace onlite::bench {
namespace {

using ort::Functions;

/// An error of ONNX Runtime as one of Triton's; null for none.
TRITONSERVER_Error* Told(OrtStatus* status) {
  if (status == nullptr) return nullptr;
  const ort::StatusHandle owned(status);
  return TRITONSERVER_ErrorNew(kTritonErrorInternal, Functions().GetErrorMessage(status));
}

#define RETURN_IF_ERROR(call)                                                     \
  do {                                                                            \
    if (TRITONSERVER_Error* const error = (call); error != nullptr) return error; \
  } while (false)

uint64_t Now() {
  return static_cast<uint64_t>(std::chrono::steady_clock::now().time_since_epoch().count());
}

/// An input or output of the model.
struct Port {
  std::string name;
  std::vector<int64_t> dims;
  uint64_t bytes = 0;
  /// For inputs that came in several pieces.
  std::vector<char> gathered;
};

/// The process's environment; ends with it.
OrtEnv* environment = nullptr;

/// A model that is loaded; Triton runs it on one thread at a time.
class Instance {
 public:
  TRITONSERVER_Error* Load(const std::string& path) {
    const ort::Api& api = Functions();
    OrtSessionOptions* options = nullptr;
    RETURN_IF_ERROR(Told(api.CreateSessionOptions(&options)));
    const ort::SessionOptionsHandle owned(options);
    RETURN_IF_ERROR(Told(api.SetIntraOpNumThreads(options, 1)));
    OrtSession* session = nullptr;
    RETURN_IF_ERROR(Told(api.CreateSession(environment, path.c_str(), options, &session)));
    session_.reset(session);
    OrtMemoryInfo* cpu = nullptr;
    RETURN_IF_ERROR(Told(api.CreateCpuMemoryInfo(ort::kAllocatorArena, ort::kMemoryDefault, &cpu)));
    cpu_.reset(cpu);
    RETURN_IF_ERROR(Describe(true, &inputs_));
    RETURN_IF_ERROR(Describe(false, &outputs_));
    for (const Port& port : inputs_) input_names_.push_back(port.name.c_str());
    for (const Port& port : outputs_) output_names_.push_back(port.name.c_str());
    return nullptr;
  }

  /// Runs the model from the request's memory into the response's.
  TRITONSERVER_Error* Run(TRITONBACKEND_Request* request, TRITONBACKEND_Response* response,
                          uint64_t* compute_start, uint64_t* compute_end) {
    std::vector<ort::ValueHandle> owned;
    std::vector<const OrtValue*> inputs;
    std::vector<OrtValue*> outputs;
    for (Port& port : inputs_) {
      const void* data = nullptr;
      RETURN_IF_ERROR(Find(request, &port, &data));
      RETURN_IF_ERROR(Wrap(port, const_cast<void*>(data), &owned));
      inputs.push_back(owned.back().get());
    }
    for (const Port& port : outputs_) {
      TRITONBACKEND_Output* output = nullptr;
      const auto rank = static_cast<uint32_t>(port.dims.size());
      RETURN_IF_ERROR(TRITONBACKEND_ResponseOutput(response, &output, port.name.c_str(),
                                                   kTritonFloat32, port.dims.data(), rank));
      void* buffer = nullptr;
      int memory_type = kTritonMemoryCpu;
      int64_t memory_id = 0;
      RETURN_IF_ERROR(
          TRITONBACKEND_OutputBuffer(output, &buffer, port.bytes, &memory_type, &memory_id));
      RETURN_IF_ERROR(Wrap(port, buffer, &owned));
      outputs.push_back(owned.back().get());
    }
    *compute_start = Now();
    RETURN_IF_ERROR(
        Told(Functions().Run(session_.get(), nullptr, input_names_.data(), inputs.data(),
                             inputs.size(), output_names_.data(), outputs.size(), outputs.data())));
    *compute_end = Now();
    return nullptr;
  }

 private:
  TRITONSERVER_Error* Describe(bool is_input, std::vector<Port>* ports) {
    const ort::Api& api = Functions();
    OrtSession* const session = session_.get();
    OrtAllocator* allocator = nullptr;
    RETURN_IF_ERROR(Told(api.GetAllocatorWithDefaultOptions(&allocator)));
    size_t count = 0;
    RETURN_IF_ERROR(Told(is_input ? api.SessionGetInputCount(session, &count)
                                  : api.SessionGetOutputCount(session, &count)));
    for (size_t index = 0; index < count; ++index) {
      char* name = nullptr;
      RETURN_IF_ERROR(Told(is_input ? api.SessionGetInputName(session, index, allocator, &name)
                                    : api.SessionGetOutputName(session, index, allocator, &name)));
      Port port;
      port.name = name;
      RETURN_IF_ERROR(Told(api.AllocatorFree(allocator, name)));
      OrtTypeInfo* type = nullptr;
      RETURN_IF_ERROR(Told(is_input ? api.SessionGetInputTypeInfo(session, index, &type)
                                    : api.SessionGetOutputTypeInfo(session, index, &type)));
      const ort::TypeInfoHandle owned(type);
      const OrtTensorTypeAndShapeInfo* info = nullptr;
      RETURN_IF_ERROR(Told(api.CastTypeInfoToTensorInfo(type, &info)));
      size_t rank = 0;
      RETURN_IF_ERROR(Told(api.GetDimensionsCount(info, &rank)));
      port.dims.resize(rank);
      RETURN_IF_ERROR(Told(api.GetDimensions(info, port.dims.data(), rank)));
      port.bytes = sizeof(float);
      for (int64_t& dim : port.dims) {
        if (dim < 0) dim = 1;
        port.bytes *= static_cast<uint64_t>(dim);
      }
      ports->push_back(std::move(port));
    }
    return nullptr;
  }

  /// Where an input's data is in one piece.
  static TRITONSERVER_Error* Find(TRITONBACKEND_Request* request, Port* port, const void** data) {
    TRITONBACKEND_Input* input = nullptr;
    RETURN_IF_ERROR(TRITONBACKEND_RequestInput(request, port->name.c_str(), &input));
    uint64_t bytes = 0;
    uint32_t pieces = 0;
    RETURN_IF_ERROR(
        TRITONBACKEND_InputProperties(input, nullptr, nullptr, nullptr, nullptr, &bytes, &pieces));
    if (bytes != port->bytes) {
      return TRITONSERVER_ErrorNew(kTritonErrorInternal, "the model has other dims");
    }
    size_t done = 0;
    for (uint32_t piece = 0; piece < pieces; ++piece) {
      uint64_t length = 0;
      int memory_type = kTritonMemoryCpu;
      int64_t memory_id = 0;
      RETURN_IF_ERROR(
          TRITONBACKEND_InputBuffer(input, piece, data, &length, &memory_type, &memory_id));
      if (pieces == 1) return nullptr;
      port->gathered.resize(port->bytes);
      std::memcpy(port->gathered.data() + done, *data, length);
      done += length;
    }
    *data = port->gathered.data();
    return nullptr;
  }

  TRITONSERVER_Error* Wrap(const Port& port, void* data, std::vector<ort::ValueHandle>* values) {
    OrtValue* value = nullptr;
    RETURN_IF_ERROR(Told(
        Functions().CreateTensorWithDataAsOrtValue(cpu_.get(), data, port.bytes, port.dims.data(),
                                                   port.dims.size(), ort::kOnnxFloat, &value)));
    values->emplace_back(value);
    return nullptr;
  }

  ort::SessionHandle session_;
  ort::MemoryInfoHandle cpu_;
  std::vector<Port> inputs_;
  std::vector<Port> outputs_;
  std::vector<const char*> input_names_;
  std::vector<const char*> output_names_;
};

void Answer(TRITONBACKEND_ModelInstance* triton_instance, Instance* instance,
            TRITONBACKEND_Request* request) {
  const uint64_t start = Now();
  uint64_t compute_start = start;
  uint64_t compute_end = start;
  TRITONBACKEND_Response* response = nullptr;
  TRITONSERVER_Error* error = TRITONBACKEND_ResponseNew(&response, request);
  if (error == nullptr) {
    error = instance->Run(request, response, &compute_start, &compute_end);
    TRITONSERVER_Error* const unsent =
        TRITONBACKEND_ResponseSend(response, kTritonResponseFinal, error);
    if (unsent != nullptr) TRITONSERVER_ErrorDelete(unsent);
  }
  TRITONSERVER_Error* const uncounted = TRITONBACKEND_ModelInstanceReportStatistics(
      triton_instance, request, error == nullptr, start, compute_start, compute_end, Now());
  for (TRITONSERVER_Error* each : {error, uncounted}) {
    if (each != nullptr) TRITONSERVER_ErrorDelete(each);
  }
  TRITONSERVER_Error* const kept = TRITONBACKEND_RequestRelease(request, kTritonReleaseAll);
  if (kept != nullptr) TRITONSERVER_ErrorDelete(kept);
}

}  // namespace
}  // namespace onlite::bench

// What Triton looks for in a backend's library.
extern "C" {

TRITONSERVER_Error* TRITONBACKEND_Initialize(TRITONBACKEND_Backend* /*backend*/) {
  const char* const library = std::getenv("ONLITE_BENCH_ORT");
  if (library == nullptr) {
    return TRITONSERVER_ErrorNew(kTritonErrorInternal, "ONLITE_BENCH_ORT is not set");
  }
  std::string version;
  const onlite::Status status = onlite::ort::OpenLibrary(library, &version);
  if (!status.ok()) return TRITONSERVER_ErrorNew(kTritonErrorInternal, status.message().c_str());
  const onlite::ort::Api& api = onlite::ort::Functions();
  OrtThreadingOptions* threading = nullptr;
  RETURN_IF_ERROR(onlite::bench::Told(api.CreateThreadingOptions(&threading)));
  const onlite::ort::ThreadingOptionsHandle owned(threading);
  // Sessions have threads of their own; the environment's would only wait.
  RETURN_IF_ERROR(onlite::bench::Told(api.SetGlobalIntraOpNumThreads(threading, 1)));
  RETURN_IF_ERROR(onlite::bench::Told(api.SetGlobalInterOpNumThreads(threading, 1)));
  return onlite::bench::Told(api.CreateEnvWithGlobalThreadPools(
      onlite::ort::kLogError, "triton", threading, &onlite::bench::environment));
}

TRITONSERVER_Error* TRITONBACKEND_ModelInstanceInitialize(TRITONBACKEND_ModelInstance* instance) {
  TRITONBACKEND_Model* model = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_ModelInstanceModel(instance, &model));
  int artifact = 0;
  const char* location = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_ModelRepository(model, &artifact, &location));
  uint64_t version = 0;
  RETURN_IF_ERROR(TRITONBACKEND_ModelVersion(model, &version));
  auto owned = std::make_unique<onlite::bench::Instance>();
  RETURN_IF_ERROR(
      owned->Load(std::string(location) + "/" + std::to_string(version) + "/model.onnx"));
  RETURN_IF_ERROR(TRITONBACKEND_ModelInstanceSetState(instance, owned.get()));
  owned.release();
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_ModelInstanceFinalize(TRITONBACKEND_ModelInstance* instance) {
  void* state = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_ModelInstanceState(instance, &state));
  delete static_cast<onlite::bench::Instance*>(state);
  return nullptr;
}

TRITONSERVER_Error* TRITONBACKEND_ModelInstanceExecute(TRITONBACKEND_ModelInstance* instance,
                                                       TRITONBACKEND_Request** requests,
                                                       uint32_t count) {
  void* state = nullptr;
  RETURN_IF_ERROR(TRITONBACKEND_ModelInstanceState(instance, &state));
  for (uint32_t index = 0; index < count; ++index) {
    onlite::bench::Answer(instance, static_cast<onlite::bench::Instance*>(state), requests[index]);
  }
  return nullptr;
}
}
