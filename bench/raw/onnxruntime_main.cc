#include <filesystem>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "backend.h"
#include "core/aligned_buffer.h"
#include "model_bytes.h"
#include "onnxruntime_carrier.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/library.h"

namespace onlite::bench {
namespace {

using ort::Functions;

void Check(OrtStatus* status) {
  if (status != nullptr) Fail(Functions().GetErrorMessage(status));
}

struct Tensor {
  std::string name;
  AlignedBuffer memory;
  ort::ValueHandle value;
};

size_t BytesOf(ort::OnnxElementType type) {
  switch (type) {
    case ort::kOnnxFloat:
    case ort::kOnnxInt32: return 4;
    case ort::kOnnxInt64: return 8;
    case ort::kOnnxUInt8:
    case ort::kOnnxInt8:
    case ort::kOnnxBool: return 1;
    default: Fail("no baseline for element type " + std::to_string(type));
  }
}

void AppendProvider(const std::string& provider, OrtSessionOptions* options) {
  const ort::Api& api = Functions();
  if (provider == "cuda") {
    OrtCUDAProviderOptionsV2* cuda = nullptr;
    Check(api.CreateCUDAProviderOptions(&cuda));
    const ort::CudaOptionsHandle owned(cuda);
    Check(api.SessionOptionsAppendExecutionProvider_CUDA_V2(options, cuda));
  } else if (provider == "webgpu") {
    Check(api.SessionOptionsAppendExecutionProvider(options, "WebGPU", nullptr, nullptr, 0));
  } else if (!provider.empty()) {
    Fail("no baseline for the provider " + provider);
  }
}

class OrtRunner : public Runner {
 public:
  OrtRunner(OrtSession* session, Mode mode, bool on_device)
      : session_(session), mode_(mode), on_device_(on_device) {
    OrtMemoryInfo* cpu = nullptr;
    Check(Functions().CreateCpuMemoryInfo(ort::kAllocatorArena, ort::kMemoryDefault, &cpu));
    cpu_.reset(cpu);
    AddAll(true, &inputs_);
    AddAll(false, &outputs_);
    OrtIoBinding* binding = nullptr;
    Check(Functions().CreateIoBinding(session_, &binding));
    binding_.reset(binding);
    for (const Tensor& tensor : inputs_) {
      Check(Functions().BindInput(binding, tensor.name.c_str(), tensor.value.get()));
      input_names_.push_back(tensor.name.c_str());
      input_values_.push_back(tensor.value.get());
    }
    if (mode == Mode::kDevice) output_memory_ = OutputMemory();
    for (size_t index = 0; index < outputs_.size(); ++index) {
      const Tensor& tensor = outputs_[index];
      if (mode == Mode::kDevice) {
        Check(Functions().BindOutputToDevice(binding, tensor.name.c_str(), output_memory_[index]));
        continue;
      }
      Check(Functions().BindOutput(binding, tensor.name.c_str(), tensor.value.get()));
      output_names_.push_back(tensor.name.c_str());
      output_values_.push_back(mode == Mode::kFresh ? nullptr : tensor.value.get());
    }
  }

  void Run() override {
    const ort::Api& api = Functions();
    if (mode_ == Mode::kBound || mode_ == Mode::kDevice) {
      if (on_device_) BindInputs();
      Check(api.RunWithBinding(session_, nullptr, binding_.get()));
      if (on_device_) Check(api.SynchronizeBoundOutputs(binding_.get()));
      return;
    }
    Check(api.Run(session_, nullptr, input_names_.data(), input_values_.data(),
                  input_values_.size(), output_names_.data(), output_values_.size(),
                  output_values_.data()));
    if (mode_ == Mode::kGiven) return;
    for (OrtValue*& value : output_values_) {
      api.ReleaseValue(value);
      value = nullptr;
    }
  }

 private:
  /// A device reads an input when it is bound.
  void BindInputs() {
    for (const Tensor& tensor : inputs_) {
      Check(Functions().BindInput(binding_.get(), tensor.name.c_str(), tensor.value.get()));
    }
    Check(Functions().SynchronizeBoundInputs(binding_.get()));
  }

  std::vector<const OrtMemoryInfo*> OutputMemory() {
    std::vector<const OrtMemoryInfo*> memory(outputs_.size());
    if (Functions().SessionGetMemoryInfoForOutputs == nullptr) {
      Fail("this ONNX Runtime does not tell where outputs are");
    }
    Check(Functions().SessionGetMemoryInfoForOutputs(session_, memory.data(), memory.size()));
    return memory;
  }

  void AddAll(bool is_input, std::vector<Tensor>* tensors) {
    const ort::Api& api = Functions();
    OrtAllocator* allocator = nullptr;
    Check(api.GetAllocatorWithDefaultOptions(&allocator));
    size_t count = 0;
    Check(is_input ? api.SessionGetInputCount(session_, &count)
                   : api.SessionGetOutputCount(session_, &count));
    for (size_t index = 0; index < count; ++index) {
      char* name = nullptr;
      Check(is_input ? api.SessionGetInputName(session_, index, allocator, &name)
                     : api.SessionGetOutputName(session_, index, allocator, &name));
      OrtTypeInfo* type = nullptr;
      Check(is_input ? api.SessionGetInputTypeInfo(session_, index, &type)
                     : api.SessionGetOutputTypeInfo(session_, index, &type));
      const ort::TypeInfoHandle owned_type(type);
      tensors->push_back(MakeTensor(name, type));
      Check(api.AllocatorFree(allocator, name));
    }
  }

  Tensor MakeTensor(const char* name, const OrtTypeInfo* type) {
    const ort::Api& api = Functions();
    const OrtTensorTypeAndShapeInfo* info = nullptr;
    Check(api.CastTypeInfoToTensorInfo(type, &info));
    if (info == nullptr) Fail(std::string(name) + " is not a tensor");
    ort::OnnxElementType element = ort::kOnnxUndefined;
    Check(api.GetTensorElementType(info, &element));
    size_t rank = 0;
    Check(api.GetDimensionsCount(info, &rank));
    std::vector<int64_t> dims(rank);
    Check(api.GetDimensions(info, dims.data(), rank));
    size_t elements = 1;
    for (int64_t& dim : dims) {
      if (dim < 0) dim = 1;
      elements *= static_cast<size_t>(dim);
    }
    const size_t bytes = elements * BytesOf(element);
    AlignedBuffer memory = AllocateAligned(bytes);
    if (element == ort::kOnnxFloat) {
      FillFloats(reinterpret_cast<float*>(memory.get()), elements);
    } else {
      FillBytes(memory.get(), bytes);
    }
    OrtValue* value = nullptr;
    Check(api.CreateTensorWithDataAsOrtValue(cpu_.get(), memory.get(), bytes, dims.data(), rank,
                                             element, &value));
    return {name, std::move(memory), ort::ValueHandle(value)};
  }

  OrtSession* const session_;
  const Mode mode_;
  const bool on_device_;
  ort::MemoryInfoHandle cpu_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  ort::IoBindingHandle binding_;
  std::vector<const char*> input_names_;
  std::vector<const OrtValue*> input_values_;
  std::vector<const char*> output_names_;
  std::vector<OrtValue*> output_values_;
  std::vector<const OrtMemoryInfo*> output_memory_;
};

class OrtLoadedModel : public LoadedModel {
 public:
  OrtLoadedModel(const OrtEnv* env, const std::string& path, int threads, Source source,
                 const std::string& provider)
      : on_device_(!provider.empty()) {
    const ort::Api& api = Functions();
    OrtSessionOptions* options = nullptr;
    Check(api.CreateSessionOptions(&options));
    const ort::SessionOptionsHandle owned_options(options);
    Check(api.SetIntraOpNumThreads(options, threads));
    AppendProvider(provider, options);
    OrtSession* session = nullptr;
    if (source == Source::kPath) {
      Check(api.CreateSession(env, std::filesystem::path(path).c_str(), options, &session));
    } else {
      const std::vector<uint8_t> bytes = ReadModel(path);
      Check(api.CreateSessionFromArray(env, bytes.data(), bytes.size(), options, &session));
    }
    session_.reset(session);
  }

  std::unique_ptr<Runner> MakeRunner(Mode mode) override {
    return std::make_unique<OrtRunner>(session_.get(), mode, on_device_);
  }

  std::unique_ptr<Runner> MakeCarrier(const CarryPlan& plan) override {
    return MakeOrtCarrier(session_.get(), plan);
  }

 private:
  const bool on_device_;
  ort::SessionHandle session_;
};

class OrtBackend : public Backend {
 public:
  explicit OrtBackend(const std::string& library) {
    const Status status = ort::OpenLibrary(library, &version_);
    if (!status.ok()) Fail(status.message());
    const ort::Api& api = Functions();
    OrtThreadingOptions* threading = nullptr;
    Check(api.CreateThreadingOptions(&threading));
    const ort::ThreadingOptionsHandle owned_threading(threading);
    // Sessions have threads of their own; the environment's would only wait.
    Check(api.SetGlobalIntraOpNumThreads(threading, 1));
    Check(api.SetGlobalInterOpNumThreads(threading, 1));
    Check(api.CreateEnvWithGlobalThreadPools(ort::kLogError, "raw", threading, &env_));
  }

  std::string version() const override { return version_; }

  std::unique_ptr<LoadedModel> Load(const std::string& path, int threads, Source source,
                                    const std::string& provider) override {
    return std::make_unique<OrtLoadedModel>(env_, path, threads, source, provider);
  }

 private:
  std::string version_;
  OrtEnv* env_ = nullptr;  // the process's; ends with it
};

}  // namespace
}  // namespace onlite::bench

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<size_t>(argc));
  if (arguments.size() != 2) onlite::bench::Fail("usage: raw_onnxruntime LIBRARY");
  onlite::bench::OrtBackend backend(arguments[1]);
  return onlite::bench::Serve(&backend);
}
