#include "runtimes/ort/device_turn.h"

#include <condition_variable>
#include <mutex>

namespace onlite::ort {
namespace {

struct Device {
  std::mutex mutex;
  std::condition_variable changed;
  bool taken = false;
};

Device& TheDevice() {
  // Never destroyed: runs may be in flight when the process ends.
  static auto* device = new Device;
  return *device;
}

}  // namespace

DeviceTurn::~DeviceTurn() {
  if (!held_) return;
  Device& device = TheDevice();
  {
    const std::lock_guard lock(device.mutex);
    device.taken = false;
  }
  // All: one that wakes up may have been cancelled.
  device.changed.notify_all();
}

Status DeviceTurn::Wait(CancelToken* cancel) {
  Device& device = TheDevice();
  bool cancelled = false;
  ArmedToken waiting(cancel, [&] {
    const std::lock_guard lock(device.mutex);
    cancelled = true;
    device.changed.notify_all();
  });
  if (waiting.MayStart()) {
    std::unique_lock lock(device.mutex);
    device.changed.wait(lock, [&] { return cancelled || !device.taken; });
    held_ = !cancelled;
    device.taken = device.taken || held_;
  }
  return held_ ? Status::Ok() : Status(ErrorCode::kCancelled, "cancelled while it waited");
}

Status DeviceTurn::TakeNow() {
  Device& device = TheDevice();
  const std::lock_guard lock(device.mutex);
  if (device.taken) {
    return {ErrorCode::kBusy,
            "runSync: another session of the process uses the WebGPU device; await its runs"};
  }
  held_ = device.taken = true;
  return Status::Ok();
}

}  // namespace onlite::ort
