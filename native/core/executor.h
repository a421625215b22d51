#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>

#include "core/status.h"

namespace onlite {

/// A piece of work. `Run` and then `Finished` are called once, on an executor
/// thread; a task that was removed from its queue belongs to who removed it.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;
  virtual void Run() = 0;

  /// Bytes that it holds while it waits, for the queue's limit. Always the same.
  virtual size_t waiting_bytes() const { return 0; }

  /// After the task's place in its queue was given back, so that whoever hears
  /// of the end finds the place free. `self` is this task: keep it, or return it
  /// to have it destroyed. The executor's lock is held: be short, and take no
  /// lock under which others call the executor.
  virtual std::unique_ptr<Task> Finished(std::unique_ptr<Task> self) { return self; }
};

/// kQueueFull for bytes: of those that wait, of one more, and the limit.
Status QueueBytesFull(size_t waiting, size_t more, size_t max_waiting);

class Executor;

/// A first-in first-out queue on an executor, one a session: at most
/// `concurrency` of its tasks run at once, and an exclusive task runs alone.
/// Thread-safe. Lives as long as someone holds it or it has tasks.
class TaskQueue : public std::enable_shared_from_this<TaskQueue> {
 public:
  /// `tag` is the caller's name for the task, for Remove. kQueueFull, and the
  /// task is dropped, when `max_waiting` tasks wait, or when others wait and it would
  /// make their bytes more than `max_waiting_bytes`.
  Status Post(uint64_t tag, std::unique_ptr<Task> task);

  /// What Post would say now of a task of so many bytes, but for its place.
  Status CheckBytes(size_t bytes) const;

  /// Posts a task whatever waits already, for a caller that counts for itself.
  void PostUnbounded(uint64_t tag, std::unique_ptr<Task> task);

  /// Posts a task that waits for all before it and holds up all after it. Never full.
  void PostExclusive(uint64_t tag, std::unique_ptr<Task> task);

  /// Takes a task that has not started out of the queue; null if it has.
  std::unique_ptr<Task> Remove(uint64_t tag);

  /// Claims one of the `concurrency` places for work on the calling thread;
  /// false at once if none is free or an exclusive task waits or runs.
  [[nodiscard]] bool TryEnter();
  /// Gives back a place that TryEnter claimed.
  void Leave();

  size_t waiting() const;
  size_t running() const;

 private:
  friend class Executor;

  struct Entry {
    uint64_t tag = 0;
    std::unique_ptr<Task> task;
    bool exclusive = false;
    size_t bytes = 0;
  };

  TaskQueue(Executor* executor, size_t concurrency, size_t max_waiting, size_t max_waiting_bytes)
      : executor_(executor),
        concurrency_(concurrency),
        max_waiting_(max_waiting),
        max_waiting_bytes_(max_waiting_bytes) {}

  // The executor's mutex guards everything below; its lock must be held.
  Status CheckWaitingBytes(size_t bytes) const;
  size_t FreePlaces() const;
  bool Runnable() const;
  Entry Take();
  void GiveBackPlace();
  /// Puts the queue into the executor's ready list; false if it does not belong there.
  bool MarkReady();
  void ScheduleIfRunnable();

  Executor* const executor_;
  const size_t concurrency_;
  const size_t max_waiting_;
  const size_t max_waiting_bytes_;
  std::deque<Entry> entries_;
  size_t waiting_bytes_ = 0;  // of entries_
  size_t running_ = 0;
  size_t exclusive_waiting_ = 0;
  bool exclusive_running_ = false;
  bool scheduled_ = false;  // stands in the executor's ready list
};

/// Native threads that serve task queues, fair between queues: a queue goes to
/// the back of the line after each task. The last thread to run out of work looks
/// for more for kSpin before it sleeps, because waking a thread takes longer than
/// a small run; while another thread works it would only take a core from the
/// JavaScript thread. Of threads that sleep the last to have worked is woken, whose
/// caches and share of the heap are warm. Threads start with the first queue. The process's
/// instance is never destroyed and its threads are detached, so that leaving the process never
/// waits for or races with them (DESIGN §5).
class Executor {
 public:
  explicit Executor(size_t threads) : thread_count_(threads) {}
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  /// Ends the threads once they are idle and waits for them; for tests: the
  /// process's instance is never destroyed.
  ~Executor();

  /// The process's executor, with `threads` threads if this is the first call.
  static Executor& Process(size_t threads);

  /// `concurrency` ≥ 1.
  std::shared_ptr<TaskQueue> CreateQueue(size_t concurrency, size_t max_waiting,
                                         size_t max_waiting_bytes = SIZE_MAX);

  size_t thread_count() const { return thread_count_; }

 private:
  friend class TaskQueue;

  static constexpr std::chrono::microseconds kSpin{25};

  /// A thread's place among those that sleep.
  struct Sleeper {
    std::condition_variable wake;
    Sleeper* next = nullptr;
    bool asleep = false;
  };

  void StartThreads();
  void Serve();
  void Announce();
  void WaitForWork(Sleeper* self, std::unique_lock<std::mutex>& lock);
  void Sleep(Sleeper* self, std::unique_lock<std::mutex>& lock);
  /// The thread that went to sleep last, if any sleeps.
  void WakeOne();

  const size_t thread_count_;
  std::mutex mutex_;
  std::condition_variable thread_ended_;
  std::deque<std::shared_ptr<TaskQueue>> ready_;
  /// ready_ is not empty; for the thread that spins without the lock.
  std::atomic<bool> has_work_{false};
  bool someone_spins_ = false;
  size_t threads_at_work_ = 0;
  Sleeper* sleepers_ = nullptr;
  size_t threads_alive_ = 0;
  bool started_ = false;
  bool stopping_ = false;
};

}  // namespace onlite
