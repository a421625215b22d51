#include "runtimes/runtime.h"

#include <memory>
#include <mutex>
#include <utility>

#include "runtimes/tflite/library.h"
#include "runtimes/tflite/session.h"

namespace onlite {
namespace {

class TfLiteRuntimeImpl final : public Runtime {
 public:
  Status Load(const std::vector<LibraryCandidate>& candidates) override {
    const std::lock_guard lock(mutex_);
    if (library_ != nullptr) return Status::Ok();
    std::vector<LibraryAttempt> tried;
    std::string causes;
    for (const LibraryCandidate& candidate : candidates) {
      const Status opened = tflite::Library::Open(candidate.path, &library_);
      std::string error;
      if (!opened.ok()) {
        error = opened.message();
        if (!opened.cause().empty()) error += ": " + opened.cause();
        causes += (causes.empty() ? "" : "\n") + error;
      }
      tried.push_back({candidate.path, candidate.origin, error});
      if (!opened.ok()) continue;
      origin_ = candidate.origin;
      break;
    }
    tried_ = std::move(tried);
    if (library_ != nullptr) return Status::Ok();
    return {ErrorCode::kRuntimeNotFound, "no TensorFlow Lite library could be loaded", causes};
  }

  RuntimeDescription Describe() const override {
    const std::lock_guard lock(mutex_);
    RuntimeDescription description;
    description.tried = tried_;
    if (library_ == nullptr) return description;
    description.loaded = true;
    description.path = library_->path();
    description.origin = origin_;
    description.version = library_->version();
    description.providers = library_->providers();
    description.thread_pools = "per-interpreter";
    return description;
  }

  Status CreateSession(ModelSource source, const SessionOptions& options,
                       std::unique_ptr<Session>* session) override {
    const tflite::Library* library = nullptr;
    {
      const std::lock_guard lock(mutex_);
      library = library_.get();
    }
    if (library == nullptr) {
      return {ErrorCode::kRuntimeNotFound, "no TensorFlow Lite library is loaded"};
    }
    // Nothing stops it, but a thread that goes on can be made up for.
    ArmedToken armed(options.cancel, [] {});
    if (!armed.MayStart()) return {ErrorCode::kCancelled, "the load was cancelled"};
    return tflite::TfLiteSession::Create(*library, source, options, session);
  }

 private:
  mutable std::mutex mutex_;
  /// Set once; stays for the process's life, so sessions may point into it.
  std::unique_ptr<tflite::Library> library_;
  std::string origin_;
  std::vector<LibraryAttempt> tried_;
};

}  // namespace

Runtime& TfLiteRuntime() {
  static auto* const runtime = new TfLiteRuntimeImpl;
  return *runtime;
}

}  // namespace onlite
