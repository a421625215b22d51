#include "runtimes/nvidia_management.h"

#include <array>
#include <cstddef>
#include <memory>
#include <mutex>
#include <utility>

#include "runtimes/dynamic_library.h"

namespace onlite {
namespace {

// The functions and structures that are used, declared as the library's documentation
// (NVML API Reference Guide) has them. 0 is success.
using NvmlHandle = struct NvmlDevice*;
using Result = int;
constexpr Result kNvmlSuccess = 0;

struct Memory {
  uint64_t total;
  uint64_t free;
  uint64_t used;
};
struct Utilization {
  unsigned int gpu;
  unsigned int memory;
};

/// The documented buffer sizes are 96 bytes at most.
constexpr size_t kTextBytes = 128;

class Nvml {
 public:
  /// The library is open, has every function, and has been initialised.
  static Status Open(const std::string& path, std::unique_ptr<Nvml>* nvml) {
    auto opened = std::unique_ptr<Nvml>(new Nvml);
    ONLITE_RETURN_IF_ERROR(DynamicLibrary::Open(path, &opened->library_));
    if (!opened->Resolve()) {
      return {ErrorCode::kRuntimeNotFound, path + " lacks functions of the management library"};
    }
    if (const Result result = opened->init_(); result != kNvmlSuccess) {
      return {ErrorCode::kRuntimeNotFound, path + " does not start",
              "nvmlInit_v2 gave " + std::to_string(result)};
    }
    *nvml = std::move(opened);
    return Status::Ok();
  }

  Status Sample(std::vector<GpuSample>* samples) const {
    unsigned int count = 0;
    if (const Result result = count_(&count); result != kNvmlSuccess) {
      return {ErrorCode::kRunFailed, "the GPUs cannot be counted",
              "nvmlDeviceGetCount_v2 gave " + std::to_string(result)};
    }
    for (unsigned int index = 0; index < count; ++index) {
      NvmlHandle device = nullptr;
      if (handle_(index, &device) == kNvmlSuccess) samples->push_back(SampleDevice(device));
    }
    return Status::Ok();
  }

 private:
  Nvml() = default;

  bool Resolve() {
    return library_->Resolve("nvmlInit_v2", &init_) &&
           library_->Resolve("nvmlDeviceGetCount_v2", &count_) &&
           library_->Resolve("nvmlDeviceGetHandleByIndex_v2", &handle_) &&
           library_->Resolve("nvmlDeviceGetMemoryInfo", &memory_) &&
           library_->Resolve("nvmlDeviceGetUtilizationRates", &utilization_) &&
           library_->Resolve("nvmlDeviceGetUUID", &uuid_) &&
           library_->Resolve("nvmlDeviceGetName", &name_);
  }

  GpuSample SampleDevice(NvmlHandle device) const {
    GpuSample sample;
    sample.uuid = Text(uuid_, device);
    sample.name = Text(name_, device);
    Memory memory = {};
    if (memory_(device, &memory) == kNvmlSuccess) {
      sample.total_bytes = static_cast<int64_t>(memory.total);
      sample.used_bytes = static_cast<int64_t>(memory.used);
    }
    Utilization utilization = {};
    if (utilization_(device, &utilization) == kNvmlSuccess) {
      sample.busy_percent = static_cast<int32_t>(utilization.gpu);
      sample.memory_busy_percent = static_cast<int32_t>(utilization.memory);
    }
    return sample;
  }

  using GetText = Result(NvmlHandle, char*, unsigned int);
  static std::string Text(GetText* get, NvmlHandle device) {
    std::array<char, kTextBytes> text = {};
    if (get(device, text.data(), kTextBytes - 1) != kNvmlSuccess) return "";
    return text.data();
  }

  std::unique_ptr<DynamicLibrary> library_;
  Result (*init_)() = nullptr;
  Result (*count_)(unsigned int*) = nullptr;
  Result (*handle_)(unsigned int, NvmlHandle*) = nullptr;
  Result (*memory_)(NvmlHandle, Memory*) = nullptr;
  Result (*utilization_)(NvmlHandle, Utilization*) = nullptr;
  GetText* uuid_ = nullptr;
  GetText* name_ = nullptr;
};

}  // namespace

Status SampleNvidiaGpus(const std::string& library, std::vector<GpuSample>* samples) {
  struct Shared {
    std::mutex mutex;
    std::unique_ptr<Nvml> nvml;
  };
  // A heap singleton that is never destroyed (docs/architecture.md, Threads and exit): the library
  // has threads of its own.
  static Shared& shared = *new Shared;
  const std::lock_guard lock(shared.mutex);
  if (!shared.nvml) ONLITE_RETURN_IF_ERROR(Nvml::Open(library, &shared.nvml));
  return shared.nvml->Sample(samples);
}

}  // namespace onlite
