#include <gtest/gtest.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <stdexcept>
#include <thread>

#include "core/cancel_token.h"
#include "core/executor.h"
#include "core/low_priority.h"
#include "core/task.h"

#ifdef __linux__
#include <sys/resource.h>
#endif

namespace onlite {
namespace {

TEST(LowPriority, IsOverWhenItReturns) {
  EXPECT_FALSE(IsAtLowPriority());
  std::thread::id there;
  bool was_low = false;
  RunAtLowPriority([&] {
    there = std::this_thread::get_id();
    was_low = IsAtLowPriority();
  });
  EXPECT_NE(there, std::this_thread::get_id());
  EXPECT_TRUE(was_low);
  EXPECT_FALSE(IsAtLowPriority());
}

TEST(LowPriority, PassesOnWhatTheWorkThrows) {
  EXPECT_THROW(RunAtLowPriority([] { throw std::bad_alloc(); }), std::bad_alloc);
}

TEST(LowPriority, HasItsCallerDoWhatIsAskedFor) {
  const std::thread::id here = std::this_thread::get_id();
  int done = 0;
  RunAtLowPriority([&] {
    for (int turn = 0; turn < 1000; ++turn) {
      RunAtOrdinaryPriority([&] {
        if (std::this_thread::get_id() == here && !IsAtLowPriority()) ++done;
      });
    }
  });
  EXPECT_EQ(done, 1000);
}

TEST(LowPriority, DoesAtOnceWhatIsAskedForElsewhere) {
  std::thread::id there;
  RunAtOrdinaryPriority([&] { there = std::this_thread::get_id(); });
  EXPECT_EQ(there, std::this_thread::get_id());
}

TEST(LowPriority, PassesOnWhatWasThrownForIt) {
  bool caught = false;
  bool went_on = false;
  RunAtLowPriority([&] {
    try {
      RunAtOrdinaryPriority([] { throw std::length_error("x"); });
    } catch (const std::length_error&) {
      caught = true;
    }
    RunAtOrdinaryPriority([&] { went_on = true; });
  });
  EXPECT_TRUE(caught);
  EXPECT_TRUE(went_on);
}

#ifdef __linux__

int Nice() { return getpriority(PRIO_PROCESS, 0); }

int NiceOfNewThread() {
  int nice = 0;
  std::thread([&nice] { nice = Nice(); }).join();
  return nice;
}

TEST(LowPriority, IsLowAndLeavesItsCallersAsItWas) {
  const int before = Nice();
  int within = before;
  int made_within = before;
  int made_outside = before;
  RunAtLowPriority([&] {
    within = Nice();
    made_within = NiceOfNewThread();
    RunAtOrdinaryPriority([&] { made_outside = NiceOfNewThread(); });
  });
  EXPECT_EQ(within, std::min(before + 10, 19));
  // Which is why there is RunAtOrdinaryPriority.
  EXPECT_EQ(made_within, within);
  EXPECT_EQ(made_outside, before);
  EXPECT_EQ(Nice(), before);
}

#endif

/// Waits at low priority, whatever it is told.
class Stubborn final : public Task {
 public:
  Stubborn(CancelToken* token, std::atomic<bool>* armed, std::atomic<bool>* over)
      : token_(token), armed_(armed), over_(over) {}

  void Run() override {
    RunAtLowPriority([this] {
      ArmedToken token(token_, [] {});
      armed_->store(true);
      armed_->notify_all();
      over_->wait(false);
    });
  }

 private:
  CancelToken* token_;
  std::atomic<bool>* armed_;
  std::atomic<bool>* over_;
};

TEST(LowPriority, IsMissedByTheExecutorWhereItDoesNotStop) {
  CancelToken token;
  std::atomic<bool> armed{false};
  std::atomic<bool> over{false};
  Executor executor(1);
  const auto queue = executor.CreateQueue(1, 1);
  ASSERT_TRUE(queue->Post(1, std::make_unique<Stubborn>(&token, &armed, &over)).ok());
  armed.wait(false);
  EXPECT_EQ(executor.threads_lost(), 0U);
  token.Cancel();
  while (executor.threads_lost() == 0) std::this_thread::yield();
  over.store(true);
  over.notify_all();
  while (executor.threads_lost() > 0) std::this_thread::yield();
}

}  // namespace
}  // namespace onlite
