#pragma once

#include <cstdint>
#include <mutex>
#include <shared_mutex>

namespace onlite {

/// The right to use CUDA, until this is destroyed. While a stream is captured, in the mode that
/// ONNX Runtime chooses, CUDA refuses to allocate, to copy and to free in the whole process; its
/// sessions end the process where they are released then. So who captures is alone.
/// A thread must not ask for one while it has one.
class CudaTurn {
 public:
  enum class Kind : uint8_t { kNone, kBesideOthers, kAlone };

  /// Waits for who has a turn that excludes this one.
  explicit CudaTurn(Kind kind);
  CudaTurn(const CudaTurn&) = delete;
  CudaTurn& operator=(const CudaTurn&) = delete;

 private:
  std::shared_lock<std::shared_mutex> beside_;
  std::unique_lock<std::shared_mutex> alone_;
};

}  // namespace onlite
