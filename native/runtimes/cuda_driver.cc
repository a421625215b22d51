#include "runtimes/cuda_driver.h"

#include <memory>
#include <mutex>
#include <utility>

#include "runtimes/cuda_turn.h"
#include "runtimes/dynamic_library.h"

namespace onlite {
namespace {

// The functions that are used, declared as the CUDA Driver API's reference has them. 0 is success.
using Result = int;
using Device = int;
using Context = struct CudaContext*;
constexpr Result kSuccess = 0;
/// CU_MEMHOSTREGISTER_PORTABLE: for the contexts of all devices.
constexpr unsigned int kPortable = 1;

#ifdef _WIN32
#define ONLITE_CUDA_CALL __stdcall
#else
#define ONLITE_CUDA_CALL
#endif

class CudaDriver {
 public:
  /// The library is open, has every function, and there is a device.
  static Status Open(const std::string& path, std::unique_ptr<CudaDriver>* driver) {
    auto opened = std::unique_ptr<CudaDriver>(new CudaDriver);
    if (const Status status = DynamicLibrary::Open(path, &opened->library_); !status.ok()) {
      return Unsupported(status.cause());
    }
    if (!opened->Resolve()) return Unsupported(path + " lacks functions of the driver");
    if (const Result result = opened->Start(); result != kSuccess) {
      return Unsupported("the driver gave " + std::to_string(result));
    }
    *driver = std::move(opened);
    return Status::Ok();
  }

  Result Pin(void* memory, size_t bytes) const {
    return WithContext([&] { return register_(memory, bytes, kPortable); });
  }

  void Unpin(void* memory) const {
    static_cast<void>(WithContext([&] { return unregister_(memory); }));
  }

 private:
  CudaDriver() = default;

  static Status Unsupported(std::string cause) {
    return {ErrorCode::kUnsupported,
            "pinned: page-locked memory needs NVIDIA's driver and a GPU of theirs",
            std::move(cause)};
  }

  bool Resolve() {
    return library_->Resolve("cuInit", &init_) && library_->Resolve("cuDeviceGet", &get_device_) &&
           library_->Resolve("cuDevicePrimaryCtxRetain", &retain_context_) &&
           library_->Resolve("cuCtxPushCurrent_v2", &push_context_) &&
           library_->Resolve("cuCtxPopCurrent_v2", &pop_context_) &&
           library_->Resolve("cuMemHostRegister_v2", &register_) &&
           library_->Resolve("cuMemHostUnregister", &unregister_);
  }

  /// The primary context is the one that CUDA's runtime uses, too.
  Result Start() {
    Device device = 0;
    Result result = init_(0);
    if (result == kSuccess) result = get_device_(&device, 0);
    return result == kSuccess ? retain_context_(&context_, device) : result;
  }

  template <typename Function>
  Result WithContext(Function function) const {
    if (const Result result = push_context_(context_); result != kSuccess) return result;
    const Result result = function();
    Context popped = nullptr;
    static_cast<void>(pop_context_(&popped));
    return result;
  }

  std::unique_ptr<DynamicLibrary> library_;
  Context context_ = nullptr;
  Result(ONLITE_CUDA_CALL* init_)(unsigned int) = nullptr;
  Result(ONLITE_CUDA_CALL* get_device_)(Device*, int) = nullptr;
  Result(ONLITE_CUDA_CALL* retain_context_)(Context*, Device) = nullptr;
  Result(ONLITE_CUDA_CALL* push_context_)(Context) = nullptr;
  Result(ONLITE_CUDA_CALL* pop_context_)(Context*) = nullptr;
  Result(ONLITE_CUDA_CALL* register_)(void*, size_t, unsigned int) = nullptr;
  Result(ONLITE_CUDA_CALL* unregister_)(void*) = nullptr;
};

struct Shared {
  std::mutex mutex;
  std::unique_ptr<CudaDriver> driver;
};

/// A heap singleton that is never destroyed (docs/architecture.md, Threads and exit): the driver
/// has threads of its own.
Shared& TheDriver() {
  static Shared& shared = *new Shared;
  return shared;
}

}  // namespace

Status PinMemory(const std::string& library, void* memory, size_t bytes) {
  Shared& shared = TheDriver();
  const std::lock_guard lock(shared.mutex);
  const CudaTurn turn(CudaTurn::Kind::kBesideOthers);
  if (!shared.driver) ONLITE_RETURN_IF_ERROR(CudaDriver::Open(library, &shared.driver));
  if (bytes == 0) return Status::Ok();
  const Result result = shared.driver->Pin(memory, bytes);
  if (result == kSuccess) return Status::Ok();
  return {ErrorCode::kOutOfMemory,
          "pinned: " + std::to_string(bytes) + " bytes cannot be page-locked",
          "cuMemHostRegister gave " + std::to_string(result)};
}

void UnpinMemory(void* memory) {
  Shared& shared = TheDriver();
  const std::lock_guard lock(shared.mutex);
  const CudaTurn turn(CudaTurn::Kind::kBesideOthers);
  if (shared.driver) shared.driver->Unpin(memory);
}

}  // namespace onlite
