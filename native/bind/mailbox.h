#pragma once

#include <node_api.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <cstddef>
#include <memory>
#include <mutex>
#include <vector>

namespace onlite {

class Job;

/// Where executor threads put an environment's finished jobs, and how they wake
/// its JS thread: once, however many jobs have finished. Held by the environment
/// and by its jobs. Thread-safe.
class Mailbox {
 public:
  using Jobs = std::vector<std::unique_ptr<Job>>;

  /// On the JS thread, before the first job is posted; Close releases it.
  void Open(napi_threadsafe_function wake) { wake_ = wake; }
  napi_threadsafe_function wake() const { return wake_; }

  /// A job has ended; null if nobody waits for it. On an executor thread.
  void Put(std::unique_ptr<Job> job);

  /// Swaps what has finished into `jobs`, which is empty. The next Put wakes again.
  void Take(Jobs* jobs);

  /// Waits for a finished job without sleeping, up to `limit`; false if there is
  /// none. Meanwhile Put need not wake the JS thread, whose call this is.
  bool AwaitFinished(std::chrono::nanoseconds limit);

  /// Wakes nobody any more, and gives the function back to be released.
  napi_threadsafe_function Close();
  /// Returns when `posted` jobs have ended since the beginning; then drops them.
  void WaitForAll(size_t posted);

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  napi_threadsafe_function wake_ = nullptr;  // null once the environment closes
  bool wake_sent_ = false;
  bool awaited_ = false;
  size_t ended_ = 0;
  Jobs finished_;
  std::atomic<bool> has_finished_{false};  // for AwaitFinished, which looks without the lock
};

}  // namespace onlite
