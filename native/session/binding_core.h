#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtimes/session.h"

namespace onlite {

class SessionCore;

/// What a binding and its job share. The session closes it when it is released.
struct BindingCore {
  std::shared_ptr<SessionCore> session;
  size_t signature = 0;
  std::unique_ptr<Binding> binding;  // null once the session is released
  /// Those that are taken after each run; not those that stay for the next.
  std::vector<size_t> dynamic_outputs;
  /// By input: what a run has left and this one reads now, in the runtime's memory.
  std::vector<Value> carried;
  /// Every output is (Binding::BindFlexibleOutput).
  bool flexible = false;
};

}  // namespace onlite
