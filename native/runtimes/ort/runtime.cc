#include "runtimes/runtime.h"

#include <mutex>
#include <utility>

#include "runtimes/ort/create_session.h"
#include "runtimes/ort/environment.h"
#include "runtimes/ort/library.h"
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
    ort::Environment environment;
    {
      const std::lock_guard lock(mutex_);
      if (!description_.loaded) {
        return {ErrorCode::kRuntimeNotFound, "ONNX Runtime has not been loaded"};
      }
      environment = environment_;
    }
    return ort::CreateOrtSession(environment, std::move(source), options, session);
  }

 private:
  Status TryLoad(const LibraryCandidate& candidate) {
    std::string version;
    ONLITE_RETURN_IF_ERROR(ort::OpenLibrary(candidate.path, &version));
    ONLITE_RETURN_IF_ERROR(ort::CreateEnvironment(&environment_));
    description_.loaded = true;
    description_.path = candidate.path;
    description_.origin = candidate.origin;
    description_.version = version;
    description_.providers = ort::AvailableProviders();
    description_.thread_pools = environment_.global_pools ? "global" : "per-session";
    return Status::Ok();
  }

  // Held over a whole Load, so that two threads never open two libraries.
  mutable std::mutex mutex_;
  RuntimeDescription description_;
  ort::Environment environment_;
};

}  // namespace

Runtime& OnnxRuntime() {
  // Never destroyed: runs may be in flight when the process ends.
  static auto* runtime = new OnnxRuntimeLibrary;
  return *runtime;
}

}  // namespace onlite
