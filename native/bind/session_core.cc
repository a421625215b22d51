#include "bind/session_core.h"

#include "bind/native_binding.h"
#include "bind/session_jobs.h"

namespace onlite {

void SessionCore::AddBinding(const std::shared_ptr<BindingCore>& binding) {
  const std::lock_guard lock(mutex_);
  std::erase_if(bindings_, [](const auto& other) { return other.expired(); });
  bindings_.push_back(binding);
}

void SessionCore::CloseBinding(BindingCore& binding) {
  const std::lock_guard lock(mutex_);
  binding.binding.reset();
}

Status SessionCore::TakeOutputs(BindingCore& binding, std::vector<Value>* values) {
  if (binding.dynamic_outputs.empty()) return Status::Ok();
  const std::lock_guard lock(mutex_);
  if (!binding.binding) return SessionReleased();
  for (const size_t index : binding.dynamic_outputs) {
    ONLITE_RETURN_IF_ERROR(binding.binding->TakeOutput(index, &values->emplace_back()));
  }
  return Status::Ok();
}

void SessionCore::Close() {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : bindings_) {
    if (const auto binding = weak.lock()) binding->binding.reset();
  }
  bindings_.clear();
  session.reset();
}

}  // namespace onlite
