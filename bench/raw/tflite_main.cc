#include <cstring>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "backend.h"
#include "core/aligned_buffer.h"
#include "model_bytes.h"
#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/library.h"
#include "runtimes/tflite/xnnpack/delegate.h"

namespace onlite::bench {
namespace {

using tflite::ApiStatus;

void Check(ApiStatus status, const char* what) {
  if (status != ApiStatus::kOk) Fail(std::string(what) + " failed");
}

/// An interpreter with XNNPACK. Members in the order of need: an interpreter
/// ends before its delegate.
class Interpreter {
 public:
  Interpreter(const tflite::Library& library, const TfLiteModel* model, int threads) {
    const tflite::Api& api = library.api();
    const Status status = tflite::CreateXnnpackDelegate(library, threads, nullptr, &delegate_);
    if (!status.ok()) Fail(status.message());
    const tflite::OptionsHandle options(api.InterpreterOptionsCreate(), {&api});
    api.InterpreterOptionsSetNumThreads(options.get(), threads);
    api.InterpreterOptionsAddDelegate(options.get(), delegate_.get());
    handle_ = tflite::InterpreterHandle(api.InterpreterCreate(model, options.get()), {&api});
    if (handle_ == nullptr) Fail("InterpreterCreate failed");
    Check(api.InterpreterAllocateTensors(handle_.get()), "AllocateTensors");
  }

  TfLiteInterpreter* handle() const { return handle_.get(); }

 private:
  tflite::XnnpackDelegateHandle delegate_;
  tflite::InterpreterHandle handle_;
};

struct Copy {
  void* to;
  const void* from;
  size_t bytes;
};

class TfLiteRunner : public Runner {
 public:
  TfLiteRunner(const tflite::Api& api, std::unique_ptr<Interpreter> interpreter, Mode mode)
      : invoke_(api.InterpreterInvoke), interpreter_(std::move(interpreter)), mode_(mode) {
    TfLiteInterpreter* handle = interpreter_->handle();
    for (int32_t index = 0; index < api.InterpreterGetInputTensorCount(handle); ++index) {
      TfLiteTensor* tensor = api.InterpreterGetInputTensor(handle, index);
      const size_t bytes = api.TensorByteSize(tensor);
      void* data = api.TensorData(tensor);
      if (api.TensorType(tensor) == tflite::ApiType::kFloat32) {
        FillFloats(static_cast<float*>(data), bytes / sizeof(float));
      } else {
        FillBytes(data, bytes);
      }
      if (mode == Mode::kBound) continue;
      buffers_.push_back(AllocateAligned(bytes));
      std::memcpy(buffers_.back().get(), data, bytes);
      inputs_.push_back({data, buffers_.back().get(), bytes});
    }
    if (mode == Mode::kBound) return;
    for (int32_t index = 0; index < api.InterpreterGetOutputTensorCount(handle); ++index) {
      const TfLiteTensor* tensor = api.InterpreterGetOutputTensor(handle, index);
      const size_t bytes = api.TensorByteSize(tensor);
      buffers_.push_back(AllocateAligned(bytes));
      outputs_.push_back({buffers_.back().get(), api.TensorData(tensor), bytes});
    }
  }

  /// Bound is the invocation alone; otherwise tensors are copied in and out.
  void Run() override {
    if (mode_ == Mode::kBound) {
      Check(invoke_(interpreter_->handle()), "Invoke");
      return;
    }
    for (const Copy& copy : inputs_) std::memcpy(copy.to, copy.from, copy.bytes);
    Check(invoke_(interpreter_->handle()), "Invoke");
    for (const Copy& copy : outputs_) std::memcpy(copy.to, copy.from, copy.bytes);
  }

 private:
  ApiStatus (*const invoke_)(TfLiteInterpreter*);
  const std::unique_ptr<Interpreter> interpreter_;
  const Mode mode_;
  std::vector<AlignedBuffer> buffers_;
  std::vector<Copy> inputs_;
  std::vector<Copy> outputs_;
};

class TfLiteLoadedModel : public LoadedModel {
 public:
  TfLiteLoadedModel(const tflite::Library& library, const std::string& path, int threads)
      : library_(library), threads_(threads), bytes_(ReadModel(path)) {
    const tflite::Api& api = library_.api();
    model_ = tflite::ModelHandle(api.ModelCreate(bytes_.data(), bytes_.size()), {&api});
    if (model_ == nullptr) Fail("ModelCreate failed: " + path);
    // Part of loading: without it the model cannot run.
    first_ = std::make_unique<Interpreter>(library_, model_.get(), threads_);
  }

  std::unique_ptr<Runner> MakeRunner(Mode mode) override {
    if (first_ == nullptr) {
      first_ = std::make_unique<Interpreter>(library_, model_.get(), threads_);
    }
    return std::make_unique<TfLiteRunner>(library_.api(), std::move(first_), mode);
  }

  std::unique_ptr<Runner> MakeCarrier(const CarryPlan& /*plan*/) override {
    Fail("no baseline for carried state");
  }

 private:
  const tflite::Library& library_;
  const int threads_;
  const std::vector<uint8_t> bytes_;
  tflite::ModelHandle model_;
  std::unique_ptr<Interpreter> first_;
};

class TfLiteBackend : public Backend {
 public:
  explicit TfLiteBackend(const std::string& path) {
    const Status status = tflite::Library::Open(path, &library_);
    if (!status.ok()) Fail(status.message());
  }

  std::string version() const override { return library_->version(); }

  std::unique_ptr<LoadedModel> Load(const std::string& path, int threads, Source source,
                                    const std::string& provider) override {
    if (!provider.empty()) Fail("TensorFlow Lite has no provider " + provider);
    if (source != Source::kBytes) Fail("no baseline for models by path");
    return std::make_unique<TfLiteLoadedModel>(*library_, path, threads);
  }

 private:
  std::unique_ptr<tflite::Library> library_;
};

}  // namespace
}  // namespace onlite::bench

int main(int argc, char** argv) {
  const std::span<char*> arguments(argv, static_cast<size_t>(argc));
  if (arguments.size() != 2) onlite::bench::Fail("usage: raw_tflite LIBRARY");
  onlite::bench::TfLiteBackend backend(arguments[1]);
  return onlite::bench::Serve(&backend);
}
