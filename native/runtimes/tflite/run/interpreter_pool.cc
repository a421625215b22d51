#include "runtimes/tflite/run/interpreter_pool.h"

#include <algorithm>
#include <utility>

namespace onlite::tflite {

namespace {

constexpr size_t kMaxRefused = 256;

}  // namespace

InterpreterSettings InterpreterPool::settings() const {
  const std::lock_guard lock(mutex_);
  return settings_;
}

InterpreterPool::Shapes InterpreterPool::ShapesOf(size_t entry, Feeds feeds) {
  Shapes shapes{entry, {}};
  for (const TensorView* feed : feeds) shapes.second.push_back(feed->dims);
  return shapes;
}

bool InterpreterPool::FallBack(size_t entry, Feeds feeds) {
  if (!fallback_) return false;
  std::vector<std::unique_ptr<Interpreter>> old;
  const std::lock_guard lock(mutex_);
  // Another run was quicker.
  if (!settings_.xnnpack) return true;
  if (!delegate_served_.load(std::memory_order_relaxed)) {
    settings_ = *fallback_;
    old.swap(idle_);
    count_ -= old.size();
    return true;
  }
  // The variables are in the one interpreter there is.
  if (model_.info().has_variables) return false;
  if (beside_ == nullptr) {
    beside_ = std::make_unique<InterpreterPool>(model_, *fallback_, capacity_);
  }
  if (refused_.size() >= kMaxRefused) refused_.erase(refused_.begin());
  refused_.insert(ShapesOf(entry, feeds));
  return true;
}

InterpreterPool* InterpreterPool::PoolFor(size_t entry, Feeds feeds) {
  const std::lock_guard lock(mutex_);
  return beside_ != nullptr && refused_.contains(ShapesOf(entry, feeds)) ? beside_.get() : this;
}

Status InterpreterPool::Create(std::unique_ptr<Interpreter>* interpreter) {
  const std::lock_guard lock(creation_mutex_);
  return Interpreter::Create(model_, settings(), interpreter);
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
  // Not one from before the pool fell back either.
  if (interpreter == nullptr || interpreter->delegated() != settings_.xnnpack) {
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
