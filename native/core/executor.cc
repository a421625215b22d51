#include "core/executor.h"

#include <algorithm>
#include <string>
#include <thread>
#include <utility>

#include "core/adaptive_lock.h"

namespace onlite {

Status QueueBytesFull(size_t waiting, size_t more, size_t max_waiting) {
  return {ErrorCode::kQueueFull, "the session's queue is full: the runs that wait hold " +
                                     std::to_string(waiting) +
                                     " bytes of feeds, and this one has " + std::to_string(more) +
                                     " (maxQueueBytes " + std::to_string(max_waiting) + ")"};
}

size_t TaskQueue::FreePlaces() const { return concurrency_ - std::min(concurrency_, running_); }

Status TaskQueue::CheckWaitingBytes(size_t bytes) const {
  if (bytes == 0 || entries_.size() <= FreePlaces()) return Status::Ok();
  if (waiting_bytes_ <= max_waiting_bytes_ && bytes <= max_waiting_bytes_ - waiting_bytes_) {
    return Status::Ok();
  }
  return QueueBytesFull(waiting_bytes_, bytes, max_waiting_bytes_);
}

Status TaskQueue::CheckBytes(size_t bytes) const {
  const auto lock = LockAdaptively(executor_->mutex_);
  return CheckWaitingBytes(bytes);
}

Status TaskQueue::Post(uint64_t tag, std::unique_ptr<Task> task) {
  const size_t bytes = task->waiting_bytes();
  const auto lock = LockAdaptively(executor_->mutex_);
  ONLITE_RETURN_IF_ERROR(CheckWaitingBytes(bytes));
  // Tasks that can start at once do not count as waiting.
  if (entries_.size() >= max_waiting_ + FreePlaces()) {
    return {ErrorCode::kQueueFull,
            "the session's queue is full: " + std::to_string(entries_.size()) +
                " runs wait (maxQueue " + std::to_string(max_waiting_) + ")"};
  }
  entries_.push_back({tag, std::move(task), false, bytes});
  waiting_bytes_ += bytes;
  ScheduleIfRunnable();
  return Status::Ok();
}

void TaskQueue::PostUnbounded(uint64_t tag, std::unique_ptr<Task> task) {
  const auto lock = LockAdaptively(executor_->mutex_);
  entries_.push_back({tag, std::move(task), false});
  ScheduleIfRunnable();
}

void TaskQueue::PostExclusive(uint64_t tag, std::unique_ptr<Task> task) {
  const auto lock = LockAdaptively(executor_->mutex_);
  entries_.push_back({tag, std::move(task), true});
  ++exclusive_waiting_;
  ScheduleIfRunnable();
}

std::unique_ptr<Task> TaskQueue::Remove(uint64_t tag) {
  const auto lock = LockAdaptively(executor_->mutex_);
  const auto found = std::find_if(entries_.begin(), entries_.end(),
                                  [tag](const Entry& entry) { return entry.tag == tag; });
  if (found == entries_.end()) return nullptr;
  std::unique_ptr<Task> removed = std::move(found->task);
  if (found->exclusive) --exclusive_waiting_;
  waiting_bytes_ -= found->bytes;
  entries_.erase(found);
  ScheduleIfRunnable();
  return removed;
}

bool TaskQueue::TryEnter() {
  const auto lock = LockAdaptively(executor_->mutex_);
  if (running_ >= concurrency_ || exclusive_running_ || exclusive_waiting_ > 0) return false;
  ++running_;
  return true;
}

void TaskQueue::Leave() {
  const auto lock = LockAdaptively(executor_->mutex_);
  GiveBackPlace();
  ScheduleIfRunnable();
}

size_t TaskQueue::waiting() const {
  const auto lock = LockAdaptively(executor_->mutex_);
  return entries_.size();
}

size_t TaskQueue::running() const {
  const auto lock = LockAdaptively(executor_->mutex_);
  return running_;
}

bool TaskQueue::Runnable() const {
  if (entries_.empty() || exclusive_running_) return false;
  return entries_.front().exclusive ? running_ == 0 : running_ < concurrency_;
}

TaskQueue::Entry TaskQueue::Take() {
  Entry entry = std::move(entries_.front());
  entries_.pop_front();
  waiting_bytes_ -= entry.bytes;
  ++running_;
  if (entry.exclusive) {
    --exclusive_waiting_;
    exclusive_running_ = true;
  }
  return entry;
}

void TaskQueue::GiveBackPlace() {
  --running_;
  exclusive_running_ = false;
}

bool TaskQueue::MarkReady() {
  if (scheduled_ || !Runnable()) return false;
  scheduled_ = true;
  executor_->ready_.push_back(shared_from_this());
  return true;
}

void TaskQueue::ScheduleIfRunnable() {
  if (MarkReady()) executor_->Announce();
}

Executor& Executor::Process(size_t threads) {
  static auto* const executor = new Executor(std::max<size_t>(threads, 1));
  return *executor;
}

Executor::~Executor() {
  std::unique_lock lock(mutex_);
  stopping_ = true;
  while (sleepers_ != nullptr) WakeOne();
  thread_ended_.wait(lock, [this] { return threads_alive_ == 0; });
}

std::shared_ptr<TaskQueue> Executor::CreateQueue(size_t concurrency, size_t max_waiting,
                                                 size_t max_waiting_bytes) {
  StartThreads();
  return std::shared_ptr<TaskQueue>(
      new TaskQueue(this, std::max<size_t>(concurrency, 1), max_waiting, max_waiting_bytes));
}

void Executor::StartThreads() {
  const std::lock_guard lock(mutex_);
  if (started_) return;
  started_ = true;
  for (size_t index = 0; index < thread_count_; ++index) {
    ++threads_alive_;
    std::thread([this] { Serve(); }).detach();
  }
}

void Executor::Announce() {
  has_work_.store(true, std::memory_order_relaxed);
  // The thread that spins sees it, and passes on what it cannot take.
  if (!someone_spins_) WakeOne();
}

void Executor::WakeOne() {
  if (sleepers_ == nullptr) return;
  Sleeper& woken = *sleepers_;
  sleepers_ = woken.next;
  woken.asleep = false;
  woken.wake.notify_one();
}

void Executor::Sleep(Sleeper* self, std::unique_lock<std::mutex>& lock) {
  self->next = sleepers_;
  self->asleep = true;
  sleepers_ = self;
  self->wake.wait(lock, [self] { return !self->asleep; });
}

void Executor::WaitForWork(Sleeper* self, std::unique_lock<std::mutex>& lock) {
  if (!ready_.empty() || stopping_) return;
  if (!someone_spins_ && threads_at_work_ == 0) {
    someone_spins_ = true;
    lock.unlock();
    const auto until = std::chrono::steady_clock::now() + kSpin;
    while (!has_work_.load(std::memory_order_relaxed) && std::chrono::steady_clock::now() < until) {
      PauseThread();
    }
    lock.lock();
    someone_spins_ = false;
  }
  // Another thread may take what this one is woken for.
  while (ready_.empty() && !stopping_) Sleep(self, lock);
}

void Executor::Serve() {
  Sleeper self;
  std::unique_lock lock(mutex_);
  for (;;) {
    WaitForWork(&self, lock);
    if (ready_.empty()) break;
    std::shared_ptr<TaskQueue> queue = std::move(ready_.front());
    ready_.pop_front();
    has_work_.store(!ready_.empty(), std::memory_order_relaxed);
    // What this thread leaves was perhaps announced to it alone.
    if (!ready_.empty()) WakeOne();
    queue->scheduled_ = false;
    // A synchronous run may have taken the place since the queue was scheduled.
    if (!queue->Runnable()) continue;
    std::unique_ptr<Task> task = queue->Take().task;
    queue->ScheduleIfRunnable();
    ++threads_at_work_;
    lock.unlock();
    task->Run();
    lock = LockAdaptively(mutex_);
    --threads_at_work_;
    queue->GiveBackPlace();
    // Not announced: this thread looks for work next.
    queue->MarkReady();
    Task& finished = *task;
    task = finished.Finished(std::move(task));
    if (!task) continue;
    lock.unlock();
    task.reset();
    lock = LockAdaptively(mutex_);
  }
  --threads_alive_;
  thread_ended_.notify_all();
}

}  // namespace onlite
