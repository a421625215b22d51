#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "runtimes/model_source.h"
#include "runtimes/session.h"
#include "runtimes/session_options.h"

/// What the rest of onlite knows of a runtime. Only native/runtimes/ort and
/// native/runtimes/tflite know a vendor's C API.
namespace onlite {

/// A library file to try, and where the idea came from ("ONLITE_ORT_PATH", …).
struct LibraryCandidate {
  std::string path;
  std::string origin;
  /// Libraries that this one, or what it loads later, needs and does not find itself: loaded before
  /// it, in this order.
  std::vector<std::string> dependencies = {};
};

/// A candidate that was tried; `error` is empty for the one that was loaded.
struct LibraryAttempt {
  std::string path;
  std::string origin;
  std::string error;
};

/// A device that an execution provider can use, as the provider lists it.
struct ProviderDevice {
  std::string provider;  // public name
  std::string type;      // "cpu", "gpu", "npu"
  std::string vendor;
  uint32_t vendor_id = 0;
  uint32_t device_id = 0;
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// What is known of a runtime in this process.
struct RuntimeDescription {
  bool loaded = false;
  std::string path;
  std::string origin;
  std::string version;
  std::vector<std::string> providers;  // public names: "cpu", "cuda", "xnnpack", …
  /// ONNX Runtime's; those of a library that is registered later are added at the end.
  std::vector<ProviderDevice> devices;
  /// "global", "per-session", or "per-interpreter" (TFLite).
  std::string thread_pools;
  std::vector<LibraryAttempt> tried;
};

/// A runtime's library, once per process: opened on the first Load that
/// succeeds and never closed. Thread-safe.
class Runtime {
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// Tries the candidates in order; OK at once when one is loaded already.
  virtual Status Load(const std::vector<LibraryCandidate>& candidates) = 0;
  virtual RuntimeDescription Describe() const = 0;
  /// Needs a loaded library. Blocks for as long as the runtime takes. The source is
  /// taken over: its bytes may be freed before the end. Within RunAtLowPriority no thread of the
  /// session's is left with that priority; what cannot be created so is created at the ordinary
  /// one.
  virtual Status CreateSession(ModelSource source, const SessionOptions& options,
                               std::unique_ptr<Session>* session) = 0;

 protected:
  ~Runtime() = default;  // singletons are never destroyed (docs/architecture.md, Threads and exit)
};

/// native/runtimes/ort
Runtime& OnnxRuntime();
/// native/runtimes/tflite
Runtime& TfLiteRuntime();

/// Adds a library with an execution provider to ONNX Runtime, which must have been loaded, for as
/// long as the process lives. The same path once more does nothing.
Status RegisterProviderLibrary(const std::string& name, const std::string& path);

/// Has ONNX Runtime report nothing to its vendor, unless the environment says otherwise.
/// On the JS thread, before the first Load.
void DisableTelemetry();

}  // namespace onlite
