#include "runtimes/tflite/interpreter_pool.h"

#include <algorithm>
#include <utility>

namespace onlite::tflite {

Status InterpreterPool::Create(std::unique_ptr<Interpreter>* interpreter) {
  const std::lock_guard lock(creation_mutex_);
  return Interpreter::Create(model_, settings_, interpreter);
}

Status InterpreterPool::Acquire(std::unique_ptr<Interpreter>* interpreter) {
  {
    const std::lock_guard lock(mutex_);
    if (!idle_.empty()) {
      *interpreter = std::move(idle_.back());
      idle_.pop_back();
      return Status::Ok();
    }
    if (count_ >= capacity_) {
      return {ErrorCode::kBusy, "all " + std::to_string(capacity_) + " interpreters are in use"};
    }
    ++count_;
  }
  Status created = Create(interpreter);
  if (!created.ok()) {
    const std::lock_guard lock(mutex_);
    --count_;
  }
  return created;
}

void InterpreterPool::GiveBack(std::unique_ptr<Interpreter> interpreter) {
  if (!interpreter->usable()) interpreter.reset();
  const std::lock_guard lock(mutex_);
  if (interpreter == nullptr) {
    --count_;
  } else {
    idle_.push_back(std::move(interpreter));
  }
}

void InterpreterPool::Retire(std::unique_ptr<Interpreter> interpreter) {
  interpreter.reset();
  retired_.fetch_add(1, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  --count_;
}

bool InterpreterPool::IsWorthPlacing(const Interpreter& interpreter) const {
  if (model_.info().entry_points[0].fixed_shapes) return true;
  constexpr uint32_t kMostDoublings = 30;
  const uint32_t retired = retired_.load(std::memory_order_relaxed);
  return retired == 0 || interpreter.steady_runs() >= uint64_t{1}
                                                          << std::min(retired, kMostDoublings);
}

Status InterpreterPool::Renew() {
  std::unique_ptr<Interpreter> interpreter;
  ONLITE_RETURN_IF_ERROR(Create(&interpreter));
  std::vector<std::unique_ptr<Interpreter>> old;
  const std::lock_guard lock(mutex_);
  old.swap(idle_);
  idle_.push_back(std::move(interpreter));
  count_ = count_ - old.size() + 1;
  return Status::Ok();
}

}  // namespace onlite::tflite
