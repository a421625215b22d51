#include "runtimes/runtime.h"

#include <memory>
#include <mutex>
#include <utility>

#include "core/low_priority.h"
#include "runtimes/dynamic_library.h"
#include "runtimes/ort/create_session.h"
#include "runtimes/ort/environment.h"
#include "runtimes/ort/library.h"
#include "runtimes/ort/pool_threads.h"
#include "runtimes/ort/provider_devices.h"
#include "runtimes/ort/providers.h"

namespace onlite {
namespace {

class OnnxRuntimeLibrary final : public Runtime {
 public:
  Status Load(const std::vector<LibraryCandidate>& candidates) override {
    const std::lock_guard lock(mutex_);
    if (description_.loaded) return Status::Ok();
    description_.tried.clear();
    for (const LibraryCandidate& candidate : candidates) {
      Status status = TryLoad(candidate);
      std::string error = status.message();
      if (!status.cause().empty()) error += ": " + status.cause();
      description_.tried.push_back({candidate.path, candidate.origin, std::move(error)});
      if (status.ok()) return status;
    }
    std::string tried;
    for (const LibraryAttempt& attempt : description_.tried) {
      tried += (tried.empty() ? "" : "; ") + attempt.origin + ": " + attempt.error;
    }
    return {ErrorCode::kRuntimeNotFound, "no ONNX Runtime library could be loaded",
            tried.empty() ? "no place to look for one is known" : tried};
  }

  RuntimeDescription Describe() const override {
    const std::lock_guard lock(mutex_);
    return description_;
  }

  Status CreateSession(ModelSource source, const SessionOptions& options,
                       std::unique_ptr<Session>* session) override {
    Status status;
    const auto create = [&] { status = Create(std::move(source), options, session); };
    if (ort::MakesOtherThreads(options)) {
      RunAtOrdinaryPriority(create);
    } else {
      create();
    }
    return status;
  }

  Status RegisterLibrary(const std::string& name, const std::string& path) {
    ort::Environment environment;
    ONLITE_RETURN_IF_ERROR(Loaded(&environment));
    // Without the mutex: the library's own start may take long, and the JS thread asks for
    // descriptions.
    std::vector<ProviderDevice> devices;
    ONLITE_RETURN_IF_ERROR(ort::RegisterLibrary(environment.env, name, path, &devices));
    const std::lock_guard lock(mutex_);
    // Another one may have listed more meanwhile.
    if (devices.size() > description_.devices.size()) description_.devices = std::move(devices);
    return Status::Ok();
  }

 private:
  Status Create(ModelSource source, const SessionOptions& options,
                std::unique_ptr<Session>* session) {
    ort::Environment environment;
    ONLITE_RETURN_IF_ERROR(Loaded(&environment));
    ONLITE_RETURN_IF_ERROR(ort::CreateOrtSession(environment, std::move(source), options, session));
    if (ort::UsesCuda((*session)->info().providers)) {
      // Only then can its tensors be copied. Without it nothing else is missing.
      static_cast<void>(RegisterLibrary(ort::kCudaName, ort::CudaLibraryBeside(Describe().path)));
    }
    return Status::Ok();
  }

  Status Loaded(ort::Environment* environment) const {
    const std::lock_guard lock(mutex_);
    if (!description_.loaded) {
      return {ErrorCode::kRuntimeNotFound, "ONNX Runtime has not been loaded"};
    }
    *environment = environment_;
    return Status::Ok();
  }

  Status TryLoad(const LibraryCandidate& candidate) {
    std::string version;
    for (const std::string& dependency : candidate.dependencies) {
      // Never closed, as the library itself.
      std::unique_ptr<DynamicLibrary> opened;
      ONLITE_RETURN_IF_ERROR(DynamicLibrary::Open(dependency, &opened));
    }
    ONLITE_RETURN_IF_ERROR(ort::OpenLibrary(candidate.path, &version));
    ONLITE_RETURN_IF_ERROR(ort::CreateEnvironment(&environment_));
    description_.loaded = true;
    description_.path = candidate.path;
    description_.origin = candidate.origin;
    description_.version = version;
    description_.providers = ort::AvailableProviders();
    description_.devices = ort::ListDevices(environment_.env);
    description_.thread_pools = environment_.global_pools ? "global" : "per-session";
    return Status::Ok();
  }

  // Held over a whole Load, so that two threads never open two libraries.
  mutable std::mutex mutex_;
  RuntimeDescription description_;
  ort::Environment environment_;
};

OnnxRuntimeLibrary& Library() {
  // Never destroyed: runs may be in flight when the process ends.
  static auto* library = new OnnxRuntimeLibrary;
  return *library;
}

}  // namespace

Runtime& OnnxRuntime() { return Library(); }

Status RegisterProviderLibrary(const std::string& name, const std::string& path) {
  return Library().RegisterLibrary(name, path);
}

}  // namespace onlite
