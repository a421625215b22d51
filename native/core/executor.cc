#include "core/executor.h"

#include <algorithm>
#include <exception>
#include <string>
#include <thread>
#include <utility>

#include "core/adaptive_lock.h"
#include "core/delay_timer.h"

namespace onlite {

Status CheckQueueBytes(size_t waiting, size_t more, size_t max_waiting) {
  if (waiting <= max_waiting && more <= max_waiting - waiting) return Status::Ok();
  return {ErrorCode::kQueueFull, "the session's queue is full: the runs that wait hold " +
                                     std::to_string(waiting) +
                                     " bytes of feeds, and this one has " + std::to_string(more) +
                                     " (maxQueueBytes " + std::to_string(max_waiting) + ")"};
}

size_t TaskQueue::FreePlaces() const { return concurrency_ - std::min(concurrency_, running_); }

Status TaskQueue::CheckWaitingBytes(size_t bytes) const {
  if (bytes == 0 || tasks_.size() <= FreePlaces()) return Status::Ok();
  return CheckQueueBytes(waiting_bytes_, bytes, max_waiting_bytes_);
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
  if (tasks_.size() >= max_waiting_ + FreePlaces()) {
    return {ErrorCode::kQueueFull, "the session's queue is full: " + std::to_string(tasks_.size()) +
                                       " runs wait (maxQueue " + std::to_string(max_waiting_) +
                                       ")"};
  }
  return Add(tag, std::move(task), false);
}

Status TaskQueue::PostUnbounded(uint64_t tag, std::unique_ptr<Task> task) {
  const auto lock = LockAdaptively(executor_->mutex_);
  return Add(tag, std::move(task), false);
}

Status TaskQueue::PostExclusive(uint64_t tag, std::unique_ptr<Task> task) {
  const auto lock = LockAdaptively(executor_->mutex_);
  return Add(tag, std::move(task), true);
}

Status TaskQueue::RequireThreads() {
  const auto lock = LockAdaptively(executor_->mutex_);
  return executor_->RequireThreads();
}

// Nothing throws once the task is in the list.
Status TaskQueue::Add(uint64_t tag, std::unique_ptr<Task> task, bool exclusive) {
  ONLITE_RETURN_IF_ERROR(executor_->RequireThreads());
  task->tag_ = tag;
  task->exclusive_ = exclusive;
  if (exclusive) ++exclusive_waiting_;
  waiting_bytes_ += task->waiting_bytes();
  tasks_.Append(std::move(task));
  ScheduleIfRunnable();
  return Status::Ok();
}

std::unique_ptr<Task> TaskQueue::Remove(uint64_t tag) {
  const auto lock = LockAdaptively(executor_->mutex_);
  std::unique_ptr<Task> removed =
      tasks_.TakeIf([tag](const Task& task) { return task.tag_ == tag; });
  if (!removed) return nullptr;
  if (removed->exclusive_) --exclusive_waiting_;
  waiting_bytes_ -= removed->waiting_bytes();
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
  return tasks_.size();
}

size_t TaskQueue::running() const {
  const auto lock = LockAdaptively(executor_->mutex_);
  return running_;
}

bool TaskQueue::Runnable() const {
  if (tasks_.empty() || exclusive_running_) return false;
  return tasks_.front()->exclusive_ ? running_ == 0 : running_ < concurrency_;
}

std::unique_ptr<Task> TaskQueue::Take() {
  std::unique_ptr<Task> task = tasks_.TakeFirst();
  waiting_bytes_ -= task->waiting_bytes();
  ++running_;
  if (task->exclusive_) {
    --exclusive_waiting_;
    exclusive_running_ = true;
  }
  return task;
}

void TaskQueue::GiveBackPlace() {
  --running_;
  exclusive_running_ = false;
}

bool TaskQueue::MarkReady() {
  if (scheduled_ || !Runnable()) return false;
  scheduled_ = true;
  TaskQueue* const last = std::exchange(executor_->last_ready_, this);
  (last == nullptr ? executor_->first_ready_ : last->next_ready_) = shared_from_this();
  return true;
}

void TaskQueue::ScheduleIfRunnable() {
  if (MarkReady()) executor_->Announce();
}

struct Executor::Worker {
  Executor* executor = nullptr;
  Worker* next = nullptr;  // of all
  std::condition_variable wake;
  Worker* next_asleep = nullptr;
  bool asleep = false;
  /// Of the task it works at; 0: none. No two tasks have the same.
  uint64_t task_number = 0;
  bool lost = false;
};

namespace {

thread_local Executor::Worker* current_worker = nullptr;

}  // namespace

Executor::Worker* Executor::Current() { return current_worker; }

void Executor::WorkFor(Worker* worker) { current_worker = worker; }

void Executor::SpawnThread(std::function<void()> body) { std::thread(std::move(body)).detach(); }

Executor::Executor(size_t threads, Spawn spawn)
    : thread_count_(threads), spawn_(std::move(spawn)), watcher_(std::make_shared<Watcher>()) {
  watcher_->executor = this;
}

Executor& Executor::Process(size_t threads) {
  static auto* const executor = new Executor(std::max<size_t>(threads, 1));
  return *executor;
}

Executor& Executor::Background(size_t threads) {
  static auto* const executor = new Executor(std::max<size_t>(threads, 1));
  return *executor;
}

Executor::~Executor() {
  {
    const std::lock_guard lock(watcher_->mutex);
    watcher_->executor = nullptr;
  }
  std::unique_lock lock(mutex_);
  stopping_ = true;
  while (sleepers_ != nullptr) WakeOne();
  thread_ended_.wait(lock, [this] { return threads_alive_ == 0; });
}

std::shared_ptr<TaskQueue> Executor::CreateQueue(size_t concurrency, size_t max_waiting,
                                                 size_t max_waiting_bytes) {
  auto queue = std::shared_ptr<TaskQueue>(
      new TaskQueue(this, std::max<size_t>(concurrency, 1), max_waiting, max_waiting_bytes));
  const std::lock_guard lock(mutex_);
  // Without any the first task says so.
  StartThreads();
  return queue;
}

size_t Executor::threads_alive() const {
  const std::lock_guard lock(mutex_);
  return threads_alive_;
}

size_t Executor::threads_lost() const {
  const std::lock_guard lock(mutex_);
  return threads_lost_;
}

size_t Executor::threads_wanted() const {
  return thread_count_ + std::min(threads_lost_, kMostStandIns);
}

void Executor::StartThreads() noexcept {
  while (threads_alive_ < threads_wanted()) {
    ++threads_alive_;
    try {
      auto worker = std::make_unique<Worker>();
      // The thread waits for the lock that is held here.
      spawn_([this, self = worker.get()] { Serve(self); });
      worker->executor = this;
      worker->next = workers_;
      workers_ = worker.release();
    } catch (const std::exception&) {
      --threads_alive_;
      retry_at_ = std::chrono::steady_clock::now() + kRetry;
      return;
    }
  }
}

Status Executor::RequireThreads() {
  if (threads_alive_ >= threads_wanted()) return Status::Ok();
  if (threads_alive_ == 0 || std::chrono::steady_clock::now() >= retry_at_) StartThreads();
  if (threads_alive_ > 0) return Status::Ok();
  return {ErrorCode::kOutOfMemory, "the system has no thread left to run it on"};
}

void Executor::Announce() {
  has_work_.store(true, std::memory_order_relaxed);
  // The thread that spins sees it, and passes on what it cannot take.
  if (!someone_spins_) WakeOne();
}

void Executor::WakeOne() {
  if (sleepers_ == nullptr) return;
  Worker& woken = *sleepers_;
  sleepers_ = woken.next_asleep;
  woken.asleep = false;
  woken.wake.notify_one();
}

void Executor::Sleep(Worker* self, std::unique_lock<std::mutex>& lock) {
  self->next_asleep = sleepers_;
  self->asleep = true;
  sleepers_ = self;
  self->wake.wait(lock, [self] { return !self->asleep; });
}

void Executor::WaitForWork(Worker* self, std::unique_lock<std::mutex>& lock) {
  if (first_ready_ || stopping_) return;
  if (!someone_spins_ && threads_at_work_ == threads_lost_) {
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
  while (!first_ready_ && !stopping_) Sleep(self, lock);
}

std::shared_ptr<TaskQueue> Executor::TakeReady() {
  std::shared_ptr<TaskQueue> queue = std::move(first_ready_);
  first_ready_ = std::move(queue->next_ready_);
  if (!first_ready_) last_ready_ = nullptr;
  has_work_.store(first_ready_ != nullptr, std::memory_order_relaxed);
  queue->scheduled_ = false;
  return queue;
}

void Executor::Serve(Worker* self) {
  current_worker = self;
  std::unique_lock lock(mutex_);
  for (;;) {
    WaitForWork(self, lock);
    if (!first_ready_) break;
    ServeTask(self, lock);
    if (threads_alive_ <= threads_wanted()) continue;
    // It was lost, and others stand in for it. What it leaves was announced to nobody.
    if (first_ready_) Announce();
    break;
  }
  Worker** link = &workers_;
  while (*link != self) link = &(*link)->next;
  *link = self->next;
  delete self;
  --threads_alive_;
  thread_ended_.notify_all();
}

void Executor::ServeTask(Worker* self, std::unique_lock<std::mutex>& lock) {
  const std::shared_ptr<TaskQueue> queue = TakeReady();
  // What this thread leaves was perhaps announced to it alone.
  if (first_ready_) WakeOne();
  // A synchronous run may have taken the place since the queue was scheduled.
  if (!queue->Runnable()) return;
  std::unique_ptr<Task> task = queue->Take();
  queue->ScheduleIfRunnable();
  ++threads_at_work_;
  self->task_number = ++last_task_number_;
  lock.unlock();
  task->Run();
  lock = LockAdaptively(mutex_);
  self->task_number = 0;
  --threads_at_work_;
  if (self->lost) --threads_lost_;
  self->lost = false;
  queue->GiveBackPlace();
  // Not announced: this thread looks for work next.
  queue->MarkReady();
  Task& finished = *task;
  task = finished.Finished(std::move(task));
  if (!task) return;
  lock.unlock();
  task.reset();
  lock = LockAdaptively(mutex_);
}

void Executor::Watch(Worker* worker) {
  Executor& executor = *worker->executor;
  uint64_t number = 0;
  {
    const std::lock_guard lock(executor.mutex_);
    number = worker->task_number;
  }
  try {
    DelayTimer::Process().CallAt(DelayTimer::Clock::now() + kLostAfter,
                                 [watcher = executor.watcher_, number] {
                                   const std::lock_guard lock(watcher->mutex);
                                   if (watcher->executor != nullptr)
                                     watcher->executor->Lose(number);
                                 });
  } catch (const std::exception&) {
    // No memory for a timer: there would be none for a thread.
  }
}

void Executor::Lose(uint64_t task_number) {
  const std::lock_guard lock(mutex_);
  for (Worker* worker = workers_; worker != nullptr; worker = worker->next) {
    if (worker->task_number != task_number || worker->lost) continue;
    worker->lost = true;
    ++threads_lost_;
    StartThreads();
    return;
  }
}

}  // namespace onlite
