#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "runtimes/run_request.h"
#include "runtimes/session.h"

namespace onlite {

class AttachedSession;

/// What a binding and its job share. The session closes it when it is released.
struct BindingCore {
  std::shared_ptr<AttachedSession> session;
  size_t signature = 0;
  std::unique_ptr<Binding> binding;  // null once the session is released
  /// Those that are taken after each run; not those that stay for the next.
  std::vector<size_t> dynamic_outputs;
  /// By input: what a run has left and this one reads now, in the runtime's memory.
  std::vector<Value> carried;
  /// Every output is (Binding::BindFlexibleOutput).
  bool flexible = false;
  /// Of a run that may be a part of a batch (BatchRows), 0 of any other. Only of a flexible
  /// binding whose memory runs always use in place.
  size_t rows = 0;
  /// What such a run reads and asks for, and the memory that its outputs go to.
  RunRequest request;
  std::vector<TensorView> outputs;
};

}  // namespace onlite
