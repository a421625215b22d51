#include "core/heap_trim.h"

#include <cstdlib>  // __GLIBC__

#ifdef __GLIBC__
#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <condition_variable>
#include <exception>
#include <mutex>
#include <optional>
#include <thread>
#endif

namespace onlite {

#ifdef __GLIBC__

namespace {

using Clock = std::chrono::steady_clock;

/// A burst has ended when there was no call for so long.
constexpr std::chrono::milliseconds kQuiet(200);
/// Calls that never pause are answered so often.
constexpr std::chrono::seconds kLongest(2);

/// One a process, never destroyed, its thread detached (docs/architecture.md, Threads and exit).
class Trimmer {
 public:
  static Trimmer& Process() {
    static auto* const trimmer = new Trimmer();
    return *trimmer;
  }

  void Ask() {
    const std::lock_guard lock(mutex_);
    last_ = Clock::now();
    if (first_) return;
    if (!started_) std::thread([this] { Serve(); }).detach();
    started_ = true;
    first_ = last_;
    asked_.notify_one();
  }

 private:
  void Serve() {
    std::unique_lock lock(mutex_);
    for (;;) {
      asked_.wait(lock, [this] { return first_.has_value(); });
      const Clock::time_point due = std::min(last_ + kQuiet, *first_ + kLongest);
      if (Clock::now() < due) {
        asked_.wait_until(lock, due);
        continue;
      }
      first_.reset();
      lock.unlock();
      malloc_trim(0);
      lock.lock();
    }
  }

  std::mutex mutex_;
  std::condition_variable asked_;
  bool started_ = false;
  /// The first call that is not answered yet.
  std::optional<Clock::time_point> first_;
  Clock::time_point last_;
};

}  // namespace

void TrimHeapSoon() noexcept {
  try {
    Trimmer::Process().Ask();
  } catch (const std::exception&) {
    // There was no thread or no memory to be had: the next call tries again.
  }
}

#else

void TrimHeapSoon() noexcept {}

#endif

}  // namespace onlite
