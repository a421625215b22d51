#pragma once

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>

#include "core/status.h"
#include "core/task.h"

namespace onlite {

/// kQueueFull if so many bytes and as many as wait are more than may.
Status CheckQueueBytes(size_t waiting, size_t more, size_t max_waiting);

class Executor;

/// A first-in first-out queue on an executor, one a session: at most
/// `concurrency` of its tasks run at once, and an exclusive task runs alone.
/// Thread-safe. Lives as long as someone holds it or it has tasks. Posting either takes the
/// task, and cannot fail from then on, or gives an error and drops it: kOutOfMemory where no
/// thread can be had.
class TaskQueue : public std::enable_shared_from_this<TaskQueue> {
 public:
  /// `tag` is the caller's name for the task, for Remove. kQueueFull when
  /// `max_waiting` tasks wait, or when others wait and it would make their bytes more
  /// than `max_waiting_bytes`.
  Status Post(uint64_t tag, std::unique_ptr<Task> task);

  /// What Post would say now of a task of so many bytes, but for its place.
  Status CheckBytes(size_t bytes) const;

  /// Posts a task whatever waits already, for a caller that counts for itself.
  Status PostUnbounded(uint64_t tag, std::unique_ptr<Task> task);

  /// Posts a task that waits for all before it and holds up all after it. Never full.
  Status PostExclusive(uint64_t tag, std::unique_ptr<Task> task);

  /// Whether there are threads, which from then on there are: Post cannot fail for want of them.
  Status RequireThreads();

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

  TaskQueue(Executor* executor, size_t concurrency, size_t max_waiting, size_t max_waiting_bytes)
      : executor_(executor),
        concurrency_(concurrency),
        max_waiting_(max_waiting),
        max_waiting_bytes_(max_waiting_bytes) {}

  Status Add(uint64_t tag, std::unique_ptr<Task> task, bool exclusive);

  // The executor's mutex guards everything below; its lock must be held.
  Status CheckWaitingBytes(size_t bytes) const;
  size_t FreePlaces() const;
  bool Runnable() const;
  std::unique_ptr<Task> Take();
  void GiveBackPlace();
  /// Puts the queue into the executor's ready list; false if it does not belong there.
  bool MarkReady();
  void ScheduleIfRunnable();

  Executor* const executor_;
  const size_t concurrency_;
  const size_t max_waiting_;
  const size_t max_waiting_bytes_;
  TaskList tasks_;
  size_t waiting_bytes_ = 0;  // of tasks_
  size_t running_ = 0;
  size_t exclusive_waiting_ = 0;
  bool exclusive_running_ = false;
  bool scheduled_ = false;                 // stands in the executor's ready list
  std::shared_ptr<TaskQueue> next_ready_;  // behind it in that list
};

/// Native threads that serve task queues, fair between queues: a queue goes to
/// the back of the line after each task. The last thread to run out of work looks
/// for more for kSpin before it sleeps, because waking a thread takes longer than
/// a small run; while another thread works it would only take a core from the
/// JavaScript thread. Of threads that sleep the last to have worked is woken, whose
/// caches and share of the heap are warm. Threads start with the first queue; those that the
/// system refuses are asked for again later. A thread whose task was told to stop and does not
/// is lost until it does: another one stands in for it. The process's
/// instance is never destroyed and its threads are detached, so that leaving the process never
/// waits for or races with them (docs/architecture.md, Threads and exit).
class Executor {
 public:
  /// A thread's own record.
  struct Worker;
  /// Starts a detached thread that runs the function; throws if there is none to be had.
  using Spawn = std::function<void(std::function<void()>)>;

  explicit Executor(size_t threads, Spawn spawn = SpawnThread);
  Executor(const Executor&) = delete;
  Executor& operator=(const Executor&) = delete;
  /// Ends the threads once they are idle and waits for them; for tests: the
  /// process's instance is never destroyed.
  ~Executor();

  /// The process's executor of runs, with `threads` threads if this is the first call.
  static Executor& Process(size_t threads);

  /// The process's executor of what takes long and is no run, such as loading models: threads of
  /// its own, so that runs go on meanwhile.
  static Executor& Background(size_t threads);

  /// `concurrency` ≥ 1.
  std::shared_ptr<TaskQueue> CreateQueue(size_t concurrency, size_t max_waiting,
                                         size_t max_waiting_bytes = SIZE_MAX);

  /// The record of the calling thread; null if it is no executor's.
  static Worker* Current();

  /// The calling thread works at the task of another one, which waits for it: that one's record is
  /// its own, too, as long as it lives.
  static void WorkFor(Worker* worker);

  /// The worker's task, which goes on until this has returned, was told to stop. Any thread.
  static void Watch(Worker* worker);

  size_t thread_count() const { return thread_count_; }
  /// Threads that there are now, and how many of them are lost.
  size_t threads_alive() const;
  size_t threads_lost() const;

 private:
  friend class TaskQueue;

  static constexpr std::chrono::microseconds kSpin{25};
  /// A task may take so long to stop before its thread counts as lost.
  static constexpr std::chrono::milliseconds kLostAfter{100};
  /// Threads that stand in for lost ones, at most.
  static constexpr size_t kMostStandIns = 16;
  /// Between two attempts to start a thread while there are others.
  static constexpr std::chrono::milliseconds kRetry{100};

  /// How the timer reaches an executor that may be gone.
  struct Watcher {
    std::mutex mutex;
    Executor* executor;  // null once it is gone
  };

  static void SpawnThread(std::function<void()> body);

  size_t threads_wanted() const;
  /// As many threads as are wanted and can be had. The lock must be held.
  void StartThreads() noexcept;
  Status RequireThreads();
  void Serve(Worker* self);
  void ServeTask(Worker* self, std::unique_lock<std::mutex>& lock);
  void Announce();
  void WaitForWork(Worker* self, std::unique_lock<std::mutex>& lock);
  void Sleep(Worker* self, std::unique_lock<std::mutex>& lock);
  /// The thread that went to sleep last, if any sleeps.
  void WakeOne();
  std::shared_ptr<TaskQueue> TakeReady();
  /// The task of this number is still at work, long after it was told to stop.
  void Lose(uint64_t task_number);

  const size_t thread_count_;
  const Spawn spawn_;
  std::shared_ptr<Watcher> watcher_;
  mutable std::mutex mutex_;
  std::condition_variable thread_ended_;
  std::shared_ptr<TaskQueue> first_ready_;
  TaskQueue* last_ready_ = nullptr;
  /// There is a ready queue; for the thread that spins without the lock.
  std::atomic<bool> has_work_{false};
  bool someone_spins_ = false;
  size_t threads_at_work_ = 0;
  size_t threads_lost_ = 0;
  uint64_t last_task_number_ = 0;
  Worker* workers_ = nullptr;   // all there are
  Worker* sleepers_ = nullptr;  // those that sleep
  size_t threads_alive_ = 0;
  std::chrono::steady_clock::time_point retry_at_;
  bool stopping_ = false;
};

}  // namespace onlite
