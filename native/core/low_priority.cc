#include "core/low_priority.h"

#include <condition_variable>
#include <exception>
#include <mutex>
#include <system_error>
#include <thread>
#include <utility>

#include "core/executor.h"

#if defined(_WIN32)
#include <windows.h>
#elif defined(__linux__)
#include <sys/resource.h>
#elif defined(__APPLE__)
#include <pthread/qos.h>
#endif

namespace onlite {
namespace {

/// The calling thread's; threads that it makes may have the same.
void LowerPriority() {
#if defined(_WIN32)
  SetThreadPriority(GetCurrentThread(), THREAD_PRIORITY_BELOW_NORMAL);
#elif defined(__linux__)
  // Of one thread, where POSIX says of a process (setpriority(2), "C library/kernel differences").
  // Ten is what Node calls PRIORITY_BELOW_NORMAL: an ordinary thread then has nine times the time.
  constexpr int kNicer = 10;
  setpriority(PRIO_PROCESS, 0, getpriority(PRIO_PROCESS, 0) + kNicer);
#elif defined(__APPLE__)
  pthread_set_qos_class_self_np(QOS_CLASS_UTILITY, 0);
#endif
}

/// Who waits for work at low priority, and does meanwhile what that asks for.
class Waiter {
 public:
  /// Until the work has ended.
  void Wait() {
    std::unique_lock lock(mutex_);
    for (;;) {
      changed_.wait(lock, [this] { return asked_ != nullptr || has_ended_; });
      if (asked_ == nullptr) return;
      lock.unlock();
      try {
        (*asked_)();
      } catch (...) {
        failure_ = std::current_exception();
      }
      lock.lock();
      asked_ = nullptr;
      changed_.notify_all();
    }
  }

  /// On the thread of the work, as `End`.
  void Do(const std::function<void()>& asked) {
    std::unique_lock lock(mutex_);
    asked_ = &asked;
    changed_.notify_all();
    changed_.wait(lock, [this] { return asked_ == nullptr; });
    if (const std::exception_ptr failure = std::exchange(failure_, nullptr)) {
      std::rethrow_exception(failure);
    }
  }

  void End() {
    const std::lock_guard lock(mutex_);
    has_ended_ = true;
    changed_.notify_all();
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  const std::function<void()>* asked_ = nullptr;
  std::exception_ptr failure_;
  bool has_ended_ = false;
};

thread_local Waiter* current_waiter = nullptr;

}  // namespace

void RunAtLowPriority(const std::function<void()>& work) {
  Waiter waiter;
  std::exception_ptr failure;
  std::thread thread;
  try {
    thread = std::thread([&, worker = Executor::Current()] {
      Executor::WorkFor(worker);
      current_waiter = &waiter;
      LowerPriority();
      try {
        work();
      } catch (...) {
        failure = std::current_exception();
      }
      waiter.End();
    });
  } catch (const std::system_error&) {
    work();
    return;
  }
  waiter.Wait();
  thread.join();
  if (failure != nullptr) std::rethrow_exception(failure);
}

bool IsAtLowPriority() { return current_waiter != nullptr; }

void RunAtOrdinaryPriority(const std::function<void()>& work) {
  if (current_waiter == nullptr) {
    work();
  } else {
    current_waiter->Do(work);
  }
}

}  // namespace onlite
