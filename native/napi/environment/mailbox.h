#pragma once

#include <node_api.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>

#include "core/task.h"

namespace onlite {

class Job;

/// Where executor threads put an environment's finished jobs, and how they wake
/// its JS thread: once, however many jobs have finished. Held by the environment
/// and by its jobs. Thread-safe; allocates nothing.
class Mailbox {
 public:
  /// How many jobs.
  struct Count {
    size_t all = 0;
    /// Those that use memory of JavaScript's.
    size_t in_place = 0;

    void Add(const Job& job);
    void Remove(const Job& job);
  };

  /// On the JS thread, before the first job is posted; Close releases it.
  void Open(napi_threadsafe_function wake) { wake_ = wake; }
  napi_threadsafe_function wake() const { return wake_; }

  /// A job has ended, on an executor thread. The job, to be destroyed, if nobody waits for it.
  std::unique_ptr<Job> Put(std::unique_ptr<Job> job);

  /// Swaps the jobs that have finished into the list, which is empty. The next Put wakes again.
  void Take(TaskList* jobs);

  /// Wakes nobody any more, and gives the function back to be released.
  napi_threadsafe_function Close();

  /// After Close: waits until the jobs posted since the beginning have ended, and drops them. Those
  /// that use no memory of JavaScript's are left to themselves after `patience`; false if some are.
  bool WaitFor(const Count& posted, std::chrono::milliseconds patience);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  napi_threadsafe_function wake_ = nullptr;  // null once the environment closes
  bool wake_sent_ = false;
  bool left_ = false;  // WaitFor has returned
  Count ended_;
  TaskList finished_;
};

}  // namespace onlite
