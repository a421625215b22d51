#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <vector>

#include "core/delay_timer.h"
#include "core/executor.h"
#include "core/status.h"

namespace onlite {

/// A request that may run together with others.
class BatchMember {
 public:
  BatchMember() = default;
  BatchMember(const BatchMember&) = delete;
  BatchMember& operator=(const BatchMember&) = delete;

  /// Its size along the first dimension, ≥ 1.
  virtual size_t rows() const = 0;
  virtual bool JoinsWith(const BatchMember& other) const = 0;
  /// On an executor thread, called on one of `members`: runs all as one and
  /// leaves each its result. A member that has none afterwards is run by its
  /// own task. Their tasks follow in any case.
  virtual void RunTogether(std::span<BatchMember* const> members) = 0;

 protected:
  ~BatchMember() = default;  // owned by its task
};

struct BatchOptions {
  /// The rows of a batch at most.
  size_t max_rows = 1;
  /// How long a request may wait for others before its batch is queued.
  std::chrono::nanoseconds max_delay{0};
  /// Ascending; empty: any number of rows.
  std::vector<size_t> allowed_sizes;
};

/// Gathers requests into batches, each of them one task of a session's queue.
/// A batch is queued when it is full or when its first request has waited for
/// `max_delay`; until an executor thread takes it, it goes on taking requests.
/// Thread-safe. Lives as long as someone holds it or a batch of it is queued.
class BatchQueue : public std::enable_shared_from_this<BatchQueue> {
 public:
  /// `max_waiting`: requests that may wait, beyond those whose batches can
  /// start at once; of a queue with `concurrency` places. `max_waiting_bytes`: theirs.
  BatchQueue(std::shared_ptr<TaskQueue> queue, size_t concurrency, size_t max_waiting,
             size_t max_waiting_bytes, BatchOptions options);

  const BatchOptions& options() const { return options_; }

  /// `task` runs after its batch did, as a task of an executor; `member` lives
  /// until `task` is destroyed or its Finished is called. The tag is for
  /// Remove. An error drops the task: kQueueFull, or kOutOfMemory without threads.
  Status Post(uint64_t tag, std::unique_ptr<Task> task, BatchMember* member);

  /// What Post would say now of a request of so many bytes, but for its place.
  Status CheckBytes(size_t bytes) const;

  /// Takes a request out of a batch that has not started; null if there is none.
  std::unique_ptr<Task> Remove(uint64_t tag);

  /// Queues what has gathered, and closes every batch: what is posted to the
  /// task queue afterwards comes after all requests posted before.
  void Flush();

  /// Requests in batches that have not started, and other tasks that wait.
  size_t waiting() const;

  /// How many batches were started with so many rows, padding not counted.
  using Sizes = std::map<size_t, uint64_t>;
  Sizes sizes() const;
  /// The same since ResetSizes, and since it was last asked for so, or reset.
  Sizes SizesSinceReset() const;
  Sizes TakeSizesInterval();
  void ResetSizes();

 private:
  class BatchTask;
  struct Item {
    uint64_t tag;
    std::unique_ptr<Task> task;
    BatchMember* member;
  };
  struct Batch {
    /// Made with the batch, so that queueing it cannot fail.
    std::unique_ptr<BatchTask> task;
    std::vector<Item> items;  // never empty while the batch is in batches_
    size_t rows = 0;
    uint64_t tag = 0;
    DelayTimer::Clock::time_point due;
    bool queued = false;
    bool closed = false;
  };

  // mutex_ must be held.
  Status CheckWaitingBytes(size_t bytes) const;
  std::shared_ptr<Batch> FindOpen(const BatchMember& member);
  std::shared_ptr<Batch> Open(Item item);
  void Enqueue(const std::shared_ptr<Batch>& batch) noexcept;
  /// False if there is no timer to be had.
  bool ArmTimer(DelayTimer::Clock::time_point when) noexcept;

  void OnTimer();
  std::vector<Item> Start(const std::shared_ptr<Batch>& batch);
  void Ended();

  const std::shared_ptr<TaskQueue> queue_;
  const size_t concurrency_;
  const size_t max_waiting_;
  const size_t max_waiting_bytes_;
  const BatchOptions options_;

  /// Taken before the executor's and the timer's.
  mutable std::mutex mutex_;
  std::deque<std::shared_ptr<Batch>> batches_;  // that have not started, oldest first
  size_t requests_ = 0;                         // in batches_
  size_t waiting_bytes_ = 0;                    // of requests_
  size_t queued_ = 0;                           // of batches_
  size_t running_ = 0;                          // batches
  uint64_t last_tag_;
  bool timer_armed_ = false;
  Sizes sizes_;
  Sizes sizes_at_reset_;
  Sizes sizes_at_interval_;
};

}  // namespace onlite
