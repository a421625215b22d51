#pragma once

#include <exception>
#include <new>

#include "core/status.h"

namespace onlite {

/// What a run says that JavaScript waits for, when it throws: memory, in practice.
template <typename Run>
Status RunGuarded(const Run& run) noexcept {
  try {
    return run();
  } catch (const std::bad_alloc&) {
    return OutOfMemory();
  } catch (const std::exception& error) {
    try {
      return {ErrorCode::kRunFailed, "the run failed", error.what()};
    } catch (const std::bad_alloc&) {
      return OutOfMemory();
    }
  }
}

}  // namespace onlite
