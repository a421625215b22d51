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

class OrtRunner : public Runner {
 public:
  OrtRunner(OrtSession* session, Mode mode) : session_(session), mode_(mode) {
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
    for (const Tensor& tensor : outputs_) {
      Check(Functions().BindOutput(binding, tensor.name.c_str(), tensor.value.get()));
      output_names_.push_back(tensor.name.c_str());
      output_values_.push_back(mode == Mode::kFresh ? nullptr : tensor.value.get());
    }
  }

  void Run() override {
    const ort::Api& api = Functions();
    if (mode_ == Mode::kBound) {
      Check(api.RunWithBinding(session_, nullptr, binding_.get()));
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
  ort::MemoryInfoHandle cpu_;
  std::vector<Tensor> inputs_;
  std::vector<Tensor> outputs_;
  ort::IoBindingHandle binding_;
  std::vector<const char*> input_names_;
  std::vector<const OrtValue*> input_values_;
  std::vector<const char*> output_names_;
  std::vector<OrtValue*> output_values_;
};

class OrtLoadedModel : public LoadedModel {
 public:
  OrtLoadedModel(const OrtEnv* env, const std::string& path, int threads, Source source) {
    const ort::Api& api = Functions();
    OrtSessionOptions* options = nullptr;
    Check(api.CreateSessionOptions(&options));
    const ort::SessionOptionsHandle owned_options(options);
    Check(api.SetIntraOpNumThreads(options, threads));
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
    return std::make_unique<OrtRunner>(session_.get(), mode);
  }

  std::unique_ptr<Runner> MakeCarrier(const CarryPlan& plan) override {
    return MakeOrtCarrier(session_.get(), plan);
  }

 private:
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

  std::unique_ptr<LoadedModel> Load(const std::string& path, int threads, Source source) override {
    return std::make_unique<OrtLoadedModel>(env_, path, threads, source);
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
