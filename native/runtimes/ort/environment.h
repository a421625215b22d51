#pragma once

#include "core/status.h"
#include "runtimes/ort/api_types.h"

namespace onlite::ort {

/// The process's OrtEnv and what it can do. Never released: runs may be in
/// flight when the process ends.
struct Environment {
  OrtEnv* env = nullptr;
  /// The environment has thread pools that sessions share. False if somebody
  /// else made the process's environment, without such pools, before us.
  bool global_pools = false;
};

/// Makes the environment with DefaultThreadCount() intra-op threads.
Status CreateEnvironment(Environment* environment);

}  // namespace onlite::ort
