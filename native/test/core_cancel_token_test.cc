#include <gtest/gtest.h>

#include <array>
#include <atomic>
#include <chrono>
#include <memory>
#include <thread>
#include <utility>

#include "core/cancel_token.h"

namespace onlite {
namespace {

TEST(CancelToken, CallsTheRegisteredFunctionOnce) {
  CancelToken token;
  int stops = 0;
  ASSERT_TRUE(token.Arm([&stops] { ++stops; }));
  EXPECT_FALSE(token.cancelled());
  EXPECT_EQ(stops, 0);
  token.Cancel();
  token.Cancel();
  EXPECT_TRUE(token.cancelled());
  EXPECT_EQ(stops, 1);
}

TEST(CancelToken, RemembersACancellationThatCameFirst) {
  CancelToken token;
  token.Cancel();
  bool stopped = false;
  EXPECT_FALSE(token.Arm([&stopped] { stopped = true; }));
  token.Cancel();
  EXPECT_FALSE(stopped);
}

TEST(CancelToken, DoesNotCallAfterDisarm) {
  CancelToken token;
  int stops = 0;
  ASSERT_TRUE(token.Arm([&stops] { ++stops; }));
  static_cast<void>(token.Disarm());
  token.Cancel();
  EXPECT_EQ(stops, 0);
  EXPECT_TRUE(token.cancelled());
  static_cast<void>(token.Disarm());
}

TEST(CancelToken, CanBeArmedForTheNextStage) {
  CancelToken token;
  int first = 0;
  int second = 0;
  ASSERT_TRUE(token.Arm([&first] { ++first; }));
  static_cast<void>(token.Disarm());
  ASSERT_TRUE(token.Arm([&second] { ++second; }));
  token.Cancel();
  EXPECT_EQ(first, 0);
  EXPECT_EQ(second, 1);
}

TEST(CancelToken, DropsTheFunctionAndWhatItHoldsOnDisarm) {
  CancelToken token;
  auto held = std::make_shared<int>(1);
  const std::weak_ptr<int> alive = held;
  ASSERT_TRUE(token.Arm([held = std::move(held)] { static_cast<void>(held); }));
  EXPECT_FALSE(alive.expired());
  static_cast<void>(token.Disarm());
  EXPECT_TRUE(alive.expired());
}

// A run frees what `stop` uses right after Disarm: it must wait for a stop in progress.
TEST(CancelToken, DisarmWaitsForAStopInProgress) {
  CancelToken token;
  std::atomic<bool> entered{false};
  std::atomic<bool> left{false};
  ASSERT_TRUE(token.Arm([&] {
    entered = true;
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    left = true;
  }));
  std::thread canceller([&token] { token.Cancel(); });
  while (!entered) std::this_thread::yield();
  static_cast<void>(token.Disarm());
  EXPECT_TRUE(left);
  canceller.join();
}

// The runner's memory is plain on purpose: TSan and ASan see a stop that comes too late.
TEST(CancelToken, NeverStopsARunThatHasEnded) {
  for (int round = 0; round < 500; ++round) {
    CancelToken token;
    std::atomic<int> ready{0};
    std::array<std::thread, 2> cancellers;
    for (std::thread& canceller : cancellers) {
      canceller = std::thread([&token, &ready] {
        ++ready;
        token.Cancel();
      });
    }
    while (ready.load() == 0) std::this_thread::yield();
    auto run = std::make_unique<int>(0);
    const bool armed = token.Arm([target = run.get()] { ++*target; });
    static_cast<void>(token.Disarm());
    EXPECT_LE(*run, 1);
    if (!armed) {
      EXPECT_TRUE(token.cancelled());
      EXPECT_EQ(*run, 0);
    }
    run.reset();
    for (std::thread& canceller : cancellers) canceller.join();
    EXPECT_TRUE(token.cancelled());
  }
}

}  // namespace
}  // namespace onlite
