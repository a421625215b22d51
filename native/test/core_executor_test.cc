#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <cerrno>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <utility>
#include <vector>

#include "core/cancel_token.h"
#include "core/executor.h"

namespace onlite {
namespace {

using std::chrono::milliseconds;

class FunctionTask final : public Task {
 public:
  explicit FunctionTask(std::function<void()> run, std::function<void()> finished = nullptr)
      : run_(std::move(run)), finished_(std::move(finished)) {}
  void Run() override { run_(); }
  std::unique_ptr<Task> Finished(std::unique_ptr<Task> self) override {
    if (finished_) finished_();
    return self;
  }

 private:
  std::function<void()> run_;
  std::function<void()> finished_;
};

std::unique_ptr<Task> Make(std::function<void()> run, std::function<void()> finished = nullptr) {
  return std::make_unique<FunctionTask>(std::move(run), std::move(finished));
}

/// Opens once; tasks that wait at it hold their places until then.
class Gate {
 public:
  void Open() {
    const std::lock_guard lock(mutex_);
    open_ = true;
    changed_.notify_all();
  }
  void Wait() {
    std::unique_lock lock(mutex_);
    changed_.wait(lock, [this] { return open_; });
  }

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  bool open_ = false;
};

void WaitUntil(const std::function<bool()>& condition) {
  const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(60);
  while (!condition()) {
    ASSERT_LT(std::chrono::steady_clock::now(), deadline) << "timed out";
    std::this_thread::sleep_for(milliseconds(1));
  }
}

void WaitUntilIdle(const TaskQueue& queue) {
  WaitUntil([&queue] { return queue.waiting() == 0 && queue.running() == 0; });
}

TEST(Executor, RunsTasksInOrder) {
  Executor executor(4);
  const auto queue = executor.CreateQueue(1, 10'000);
  // Plain on purpose: TSan sees it if two of the tasks overlap.
  std::vector<int> order;
  for (int index = 0; index < 2000; ++index) {
    ASSERT_TRUE(queue->Post(1, Make([&order, index] { order.push_back(index); })).ok());
  }
  WaitUntilIdle(*queue);
  ASSERT_EQ(order.size(), 2000U);
  for (int index = 0; index < 2000; ++index) EXPECT_EQ(order[index], index);
}

TEST(Executor, StartsTasksInOrderAndNoMoreThanTheConcurrencyAtOnce) {
  Executor executor(8);
  const auto queue = executor.CreateQueue(3, 10'000);
  std::atomic<int> running{0};
  std::atomic<int> most{0};
  std::atomic<int> done{0};
  for (int index = 0; index < 300; ++index) {
    ASSERT_TRUE(queue
                    ->Post(1, Make([&] {
                             const int now = ++running;
                             int seen = most;
                             while (now > seen && !most.compare_exchange_weak(seen, now)) {
                             }
                             std::this_thread::sleep_for(std::chrono::microseconds(200));
                             --running;
                             ++done;
                           }))
                    .ok());
  }
  WaitUntilIdle(*queue);
  EXPECT_EQ(done, 300);
  EXPECT_EQ(most, 3);
}

TEST(Executor, UsesSeveralThreadsForOneQueue) {
  Executor executor(3);
  const auto queue = executor.CreateQueue(3, 10);
  Gate gate;
  for (int index = 0; index < 3; ++index) {
    ASSERT_TRUE(queue->Post(1, Make([&gate] { gate.Wait(); })).ok());
  }
  WaitUntil([&queue] { return queue->running() == 3; });
  gate.Open();
  WaitUntilIdle(*queue);
}

TEST(Executor, WakesTheThreadThatWorkedLast) {
  Executor executor(4);
  const auto queue = executor.CreateQueue(4, 10);
  Gate gate;
  for (int index = 0; index < 4; ++index) {
    ASSERT_TRUE(queue->Post(1, Make([&gate] { gate.Wait(); })).ok());
  }
  WaitUntil([&queue] { return queue->running() == 4; });
  gate.Open();
  WaitUntilIdle(*queue);
  constexpr int kTasks = 50;
  std::map<std::thread::id, int> tasks;
  std::mutex mutex;
  for (int index = 0; index < kTasks; ++index) {
    // Time to fall asleep, which is no promise: hence not all of them below.
    std::this_thread::sleep_for(milliseconds(2));
    ASSERT_TRUE(queue
                    ->Post(1, Make([&] {
                             const std::lock_guard lock(mutex);
                             ++tasks[std::this_thread::get_id()];
                           }))
                    .ok());
    WaitUntilIdle(*queue);
  }
  int most = 0;
  for (const auto& [thread, count] : tasks) most = std::max(most, count);
  // In turn it would be a quarter.
  EXPECT_GT(most, kTasks / 2);
}

TEST(Executor, IsFairBetweenQueues) {
  Executor executor(1);
  const auto crowded = executor.CreateQueue(4, 1000);
  const auto other = executor.CreateQueue(1, 1000);
  Gate gate;
  std::vector<char> order;  // one thread
  ASSERT_TRUE(crowded->Post(1, Make([&gate] { gate.Wait(); })).ok());
  for (int index = 0; index < 100; ++index) {
    ASSERT_TRUE(crowded->Post(1, Make([&order] { order.push_back('c'); })).ok());
  }
  for (int index = 0; index < 10; ++index) {
    ASSERT_TRUE(other->Post(1, Make([&order] { order.push_back('o'); })).ok());
  }
  gate.Open();
  WaitUntilIdle(*crowded);
  WaitUntilIdle(*other);
  ASSERT_EQ(order.size(), 110U);
  // In turn, so the ten are through before the crowd is.
  const std::string head(order.begin(), order.begin() + 21);
  EXPECT_EQ(std::count(head.begin(), head.end(), 'o'), 10) << head;
}

TEST(Executor, RefusesMoreThanMaxWaiting) {
  Executor executor(2);
  const auto queue = executor.CreateQueue(1, 2);
  Gate gate;
  std::atomic<int> done{0};
  // The first can start at once: it never counts as waiting, started or not.
  ASSERT_TRUE(queue->Post(1, Make([&] { gate.Wait(); })).ok());
  ASSERT_TRUE(queue->Post(2, Make([&] { ++done; })).ok());
  ASSERT_TRUE(queue->Post(3, Make([&] { ++done; })).ok());
  const Status full = queue->Post(4, Make([&] { ++done; }));
  EXPECT_EQ(full.code(), ErrorCode::kQueueFull);
  EXPECT_NE(full.message().find("maxQueue 2"), std::string::npos) << full.message();
  EXPECT_TRUE(queue->Remove(4) == nullptr);
  // Exclusive tasks are never refused.
  ASSERT_TRUE(queue->PostExclusive(5, Make([&] { ++done; })).ok());
  gate.Open();
  WaitUntilIdle(*queue);
  EXPECT_EQ(done, 3);
  EXPECT_TRUE(queue->Post(6, Make([&] { ++done; })).ok());
  WaitUntilIdle(*queue);
  EXPECT_EQ(done, 4);
}

/// Holds so many bytes while it waits.
class HeavyTask final : public Task {
 public:
  explicit HeavyTask(
      size_t bytes, std::function<void()> run = [] {})
      : bytes_(bytes), run_(std::move(run)) {}
  size_t waiting_bytes() const override { return bytes_; }
  void Run() override { run_(); }

 private:
  const size_t bytes_;
  const std::function<void()> run_;
};

TEST(Executor, RefusesMoreThanMaxWaitingBytes) {
  Executor executor(2);
  const auto queue = executor.CreateQueue(1, 100, 10);
  Gate gate;
  // The first can start at once, and the first to wait is never refused.
  ASSERT_TRUE(queue->Post(1, std::make_unique<HeavyTask>(1000, [&] { gate.Wait(); })).ok());
  while (queue->running() == 0) std::this_thread::yield();
  ASSERT_TRUE(queue->Post(2, std::make_unique<HeavyTask>(6)).ok());
  ASSERT_TRUE(queue->CheckBytes(4).ok());
  ASSERT_TRUE(queue->Post(3, std::make_unique<HeavyTask>(4)).ok());
  const Status full = queue->Post(4, std::make_unique<HeavyTask>(1));
  EXPECT_EQ(full.code(), ErrorCode::kQueueFull);
  EXPECT_NE(full.message().find("maxQueueBytes 10"), std::string::npos) << full.message();
  EXPECT_EQ(queue->CheckBytes(SIZE_MAX).code(), ErrorCode::kQueueFull);
  // What holds nothing is not refused, and what was taken back holds nothing any more.
  EXPECT_TRUE(queue->Post(5, std::make_unique<HeavyTask>(0)).ok());
  EXPECT_TRUE(queue->Remove(3) != nullptr);
  EXPECT_TRUE(queue->Post(6, std::make_unique<HeavyTask>(4)).ok());
  gate.Open();
  WaitUntilIdle(*queue);
  EXPECT_TRUE(queue->Post(7, std::make_unique<HeavyTask>(SIZE_MAX)).ok());
  WaitUntilIdle(*queue);
}

TEST(Executor, WithoutAQueueTakesWhatCanStartAtOnce) {
  Executor executor(2);
  const auto queue = executor.CreateQueue(2, 0);
  for (int round = 0; round < 50; ++round) {
    Gate gate;
    std::atomic<int> ended{0};
    const auto post = [&] {
      return queue->Post(1, Make([&gate] { gate.Wait(); }, [&ended] { ++ended; }));
    };
    ASSERT_TRUE(post().ok());
    ASSERT_TRUE(post().ok());
    EXPECT_EQ(post().code(), ErrorCode::kQueueFull);
    gate.Open();
    // Whoever hears of the end finds the place free.
    WaitUntil([&ended] { return ended == 2; });
    EXPECT_EQ(queue->running(), 0U);
  }
}

TEST(Executor, AnExclusiveTaskRunsAloneAndInItsTurn) {
  Executor executor(4);
  const auto queue = executor.CreateQueue(4, 10'000);
  int plain = 0;  // written by exclusive tasks only, read by all: TSan is the judge
  std::atomic<int> running{0};
  std::atomic<bool> wrong{false};
  for (int round = 0; round < 100; ++round) {
    for (int index = 0; index < 5; ++index) {
      ASSERT_TRUE(queue
                      ->Post(1, Make([&, round] {
                               ++running;
                               if (plain != round) wrong = true;
                               --running;
                             }))
                      .ok());
    }
    ASSERT_TRUE(queue
                    ->PostExclusive(2, Make([&] {
                                      if (running != 0) wrong = true;
                                      ++plain;
                                    }))
                    .ok());
  }
  WaitUntilIdle(*queue);
  EXPECT_FALSE(wrong);
  EXPECT_EQ(plain, 100);
}

TEST(Executor, RemoveTakesWhatHasNotStarted) {
  Executor executor(2);
  const auto queue = executor.CreateQueue(1, 10);
  Gate gate;
  std::vector<int> ran;
  const auto shared = std::make_shared<int>(0);
  ASSERT_TRUE(queue->Post(1, Make([&] { gate.Wait(); })).ok());
  WaitUntil([&queue] { return queue->running() == 1; });
  ASSERT_TRUE(queue->Post(2, Make([&ran, shared] { ran.push_back(2); })).ok());
  ASSERT_TRUE(queue->PostExclusive(3, Make([&] { ran.push_back(3); })).ok());
  ASSERT_TRUE(queue->Post(4, Make([&] { ran.push_back(4); })).ok());

  EXPECT_EQ(queue->Remove(1), nullptr) << "it runs";
  EXPECT_EQ(queue->Remove(9), nullptr) << "there is none";
  std::unique_ptr<Task> removed = queue->Remove(2);
  ASSERT_NE(removed, nullptr);
  EXPECT_EQ(shared.use_count(), 2) << "the caller owns it";
  removed.reset();
  EXPECT_EQ(shared.use_count(), 1);
  ASSERT_NE(queue->Remove(3), nullptr);
  EXPECT_EQ(queue->Remove(3), nullptr);
  EXPECT_EQ(queue->waiting(), 1U);
  gate.Open();
  WaitUntilIdle(*queue);
  EXPECT_EQ(ran, std::vector<int>{4});
}

TEST(Executor, RemovingAnExclusiveTaskLetsTheOthersOn) {
  Executor executor(2);
  const auto queue = executor.CreateQueue(2, 10);
  Gate gate;
  std::atomic<bool> ran{false};
  ASSERT_TRUE(queue->Post(1, Make([&] { gate.Wait(); })).ok());
  WaitUntil([&queue] { return queue->running() == 1; });
  ASSERT_TRUE(queue->PostExclusive(2, Make([] {})).ok());
  ASSERT_TRUE(queue->Post(3, Make([&] { ran = true; })).ok());
  EXPECT_FALSE(queue->TryEnter());
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_FALSE(ran);
  ASSERT_NE(queue->Remove(2), nullptr);
  WaitUntil([&ran] { return ran.load(); });
  ASSERT_TRUE(queue->TryEnter());
  queue->Leave();
  gate.Open();
  WaitUntilIdle(*queue);
}

TEST(Executor, TryEnterTakesAPlaceAndNeverWaits) {
  Executor executor(2);
  const auto queue = executor.CreateQueue(2, 10);
  ASSERT_TRUE(queue->TryEnter());
  ASSERT_TRUE(queue->TryEnter());
  EXPECT_FALSE(queue->TryEnter());
  EXPECT_EQ(queue->running(), 2U);
  std::atomic<bool> ran{false};
  ASSERT_TRUE(queue->Post(1, Make([&] { ran = true; })).ok());
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_FALSE(ran) << "both places are taken";
  queue->Leave();
  WaitUntil([&ran] { return ran.load(); });
  queue->Leave();
  WaitUntilIdle(*queue);
}

TEST(Executor, AnExclusiveTaskWaitsForAPlaceThatWasEntered) {
  Executor executor(2);
  const auto queue = executor.CreateQueue(2, 10);
  ASSERT_TRUE(queue->TryEnter());
  Gate gate;
  std::atomic<bool> ran{false};
  ASSERT_TRUE(queue
                  ->PostExclusive(1, Make([&] {
                                    ran = true;
                                    gate.Wait();
                                  }))
                  .ok());
  std::this_thread::sleep_for(milliseconds(20));
  EXPECT_FALSE(ran);
  EXPECT_FALSE(queue->TryEnter()) << "it waits";
  queue->Leave();
  WaitUntil([&ran] { return ran.load(); });
  EXPECT_FALSE(queue->TryEnter()) << "it runs";
  gate.Open();
  WaitUntilIdle(*queue);
  ASSERT_TRUE(queue->TryEnter());
  queue->Leave();
}

TEST(Executor, ATaskIsDestroyedOnItsThreadAfterItEnded) {
  Executor executor(1);
  const auto queue = executor.CreateQueue(1, 10);
  std::vector<std::string> events;  // one thread
  class Destroyed {
   public:
    explicit Destroyed(std::vector<std::string>* events) : events_(events) {}
    Destroyed(const Destroyed&) = delete;
    Destroyed& operator=(const Destroyed&) = delete;
    ~Destroyed() { events_->emplace_back("destroyed"); }

   private:
    std::vector<std::string>* events_;
  };
  auto destroyed = std::make_shared<Destroyed>(&events);
  std::atomic<bool> last{false};
  ASSERT_TRUE(
      queue
          ->Post(1, Make([&events, held = std::move(destroyed)] { events.emplace_back("run"); },
                         [&events] { events.emplace_back("finished"); }))
          .ok());
  ASSERT_TRUE(queue->Post(2, Make([&last] { last = true; })).ok());
  WaitUntil([&last] { return last.load(); });
  EXPECT_EQ(events, (std::vector<std::string>{"run", "finished", "destroyed"}));
}

TEST(Executor, AQueueLivesWhileItHasTasks) {
  Executor executor(2);
  std::weak_ptr<TaskQueue> weak;
  Gate gate;
  std::atomic<int> done{0};
  {
    const auto queue = executor.CreateQueue(1, 10);
    weak = queue;
    ASSERT_TRUE(queue->Post(1, Make([&] { gate.Wait(); })).ok());
    ASSERT_TRUE(queue->Post(2, Make([&] { ++done; })).ok());
  }
  gate.Open();
  WaitUntil([&] { return done == 1 && weak.expired(); });
}

TEST(Executor, ItsEndWaitsForTheTasks) {
  std::atomic<int> done{0};
  for (int round = 0; round < 20; ++round) {
    Executor executor(3);
    const auto queue = executor.CreateQueue(2, 1000);
    for (int index = 0; index < 50; ++index) {
      ASSERT_TRUE(queue->Post(1, Make([&done] { ++done; })).ok());
    }
  }
  EXPECT_EQ(done, 1000);
}

TEST(Executor, WithoutAQueueHasNoThreadsToWaitFor) {
  const Executor executor(4);
  EXPECT_EQ(executor.thread_count(), 4U);
}

// Everything at once from many threads: each posted task runs or is removed, once.
TEST(Executor, LosesNothingUnderLoad) {
  constexpr int kThreads = 6;
  constexpr int kRounds = 1500;
  Executor executor(4);
  std::vector<std::shared_ptr<TaskQueue>> queues;
  for (size_t index = 0; index < 3; ++index) queues.push_back(executor.CreateQueue(index + 1, 20));
  std::atomic<int> posted{0};
  std::atomic<int> refused{0};
  std::atomic<int> ran{0};
  std::atomic<int> finished{0};
  std::atomic<int> removed{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&, thread] {
      for (int round = 0; round < kRounds; ++round) {
        TaskQueue& queue = *queues[static_cast<size_t>(thread + round) % queues.size()];
        const auto tag = static_cast<uint64_t>(thread) * kRounds + static_cast<uint64_t>(round);
        auto task = Make([&ran] { ++ran; }, [&finished] { ++finished; });
        if (round % 50 == 0) {
          EXPECT_TRUE(queue.PostExclusive(tag, std::move(task)).ok());
          ++posted;
        } else if (queue.Post(tag, std::move(task)).ok()) {
          ++posted;
        } else {
          ++refused;
        }
        if (round % 7 == 0 && queue.Remove(tag)) ++removed;
        if (round % 5 == 0 && queue.TryEnter()) queue.Leave();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  for (const auto& queue : queues) WaitUntilIdle(*queue);
  WaitUntil([&] { return finished == ran; });
  EXPECT_EQ(posted + refused, kThreads * kRounds);
  EXPECT_EQ(ran + removed, posted);
}

/// Starts threads as long as there are some left.
struct LimitedThreads {
  std::atomic<int> left{0};
  Executor::Spawn Spawn() {
    return [this](std::function<void()> body) {
      if (left <= 0) throw std::system_error(EAGAIN, std::generic_category());
      --left;
      std::thread(std::move(body)).detach();
    };
  }
};

TEST(Executor, WithoutAThreadRefusesTasksAndTriesAgain) {
  LimitedThreads threads;
  Executor executor(3, threads.Spawn());
  const auto queue = executor.CreateQueue(2, 10);
  std::atomic<int> ran{0};
  for (int attempt = 0; attempt < 3; ++attempt) {
    EXPECT_EQ(queue->Post(1, Make([&] { ++ran; })).code(), ErrorCode::kOutOfMemory);
    EXPECT_EQ(queue->PostUnbounded(1, Make([&] { ++ran; })).code(), ErrorCode::kOutOfMemory);
    EXPECT_EQ(queue->PostExclusive(1, Make([&] { ++ran; })).code(), ErrorCode::kOutOfMemory);
  }
  EXPECT_EQ(queue->waiting(), 0U);
  EXPECT_EQ(executor.threads_alive(), 0U);
  threads.left = 100;
  ASSERT_TRUE(queue->Post(1, Make([&] { ++ran; })).ok());
  WaitUntilIdle(*queue);
  EXPECT_EQ(ran, 1);
  EXPECT_EQ(executor.threads_alive(), 3U);
}

TEST(Executor, WorksWithTheThreadsItCanGetAndGetsTheOthersLater) {
  LimitedThreads threads;
  threads.left = 1;
  Executor executor(3, threads.Spawn());
  const auto queue = executor.CreateQueue(3, 1000);
  EXPECT_EQ(executor.threads_alive(), 1U);
  std::atomic<int> ran{0};
  for (int index = 0; index < 100; ++index) {
    ASSERT_TRUE(queue->Post(1, Make([&] { ++ran; })).ok());
  }
  WaitUntilIdle(*queue);
  EXPECT_EQ(ran, 100);
  EXPECT_EQ(executor.threads_alive(), 1U);
  threads.left = 100;
  WaitUntil([&] {
    EXPECT_TRUE(queue->Post(1, Make([&] { ++ran; })).ok());
    return executor.threads_alive() == 3;
  });
}

/// A task that is told to stop, and goes on until the gate opens.
struct Stuck {
  CancelToken token;
  std::atomic<bool> armed{false};
  Gate gate;

  std::unique_ptr<Task> NewTask() {
    return Make([this] {
      ArmedToken armed_token(&token, [] {});
      armed = true;
      gate.Wait();
    });
  }
};

TEST(Executor, AThreadThatIsLostIsMadeUpForUntilItIsBack) {
  Executor executor(1);
  const auto queue = executor.CreateQueue(1, 10);
  const auto other = executor.CreateQueue(1, 10);
  for (int round = 0; round < 3; ++round) {
    Stuck stuck;
    ASSERT_TRUE(queue->Post(1, stuck.NewTask()).ok());
    WaitUntil([&] { return stuck.armed.load(); });
    std::atomic<int> ran{0};
    ASSERT_TRUE(other->Post(1, Make([&] { ++ran; })).ok());
    stuck.token.Cancel();
    WaitUntil([&] { return ran == 1; });
    EXPECT_EQ(executor.threads_lost(), 1U);
    EXPECT_EQ(executor.threads_alive(), 2U);
    EXPECT_EQ(queue->running(), 1U);
    stuck.gate.Open();
    WaitUntilIdle(*queue);
    WaitUntil([&] { return executor.threads_alive() == 1; });
    EXPECT_EQ(executor.threads_lost(), 0U);
    ASSERT_TRUE(other->Post(1, Make([&] { ++ran; })).ok());
    WaitUntil([&] { return ran == 2; });
  }
}

TEST(Executor, NoMoreThanSixteenThreadsStandInForLostOnes) {
  constexpr size_t kStuck = 20;
  std::array<Stuck, kStuck> stuck;
  Executor executor(1);
  const auto queue = executor.CreateQueue(kStuck, kStuck);
  for (Stuck& each : stuck) ASSERT_TRUE(queue->Post(1, each.NewTask()).ok());
  WaitUntil([&] {
    for (Stuck& each : stuck) {
      if (each.armed) each.token.Cancel();
    }
    return executor.threads_lost() == 17;
  });
  EXPECT_EQ(executor.threads_alive(), 17U);
  EXPECT_EQ(queue->waiting(), kStuck - 17);
  for (Stuck& each : stuck) each.gate.Open();
  WaitUntilIdle(*queue);
  WaitUntil([&] { return executor.threads_alive() == 1; });
}

TEST(Executor, ACancelledTaskThatStopsLosesNoThread) {
  Executor executor(1);
  const auto queue = executor.CreateQueue(1, 10);
  CancelToken token;
  Gate gate;
  std::atomic<bool> armed_now{false};
  ASSERT_TRUE(queue
                  ->Post(1, Make([&] {
                           ArmedToken armed(&token, [&gate] { gate.Open(); });
                           armed_now = true;
                           gate.Wait();
                         }))
                  .ok());
  WaitUntil([&] { return armed_now.load(); });
  token.Cancel();
  WaitUntilIdle(*queue);
  std::this_thread::sleep_for(milliseconds(150));
  EXPECT_EQ(executor.threads_lost(), 0U);
  EXPECT_EQ(executor.threads_alive(), 1U);
}

TEST(Executor, OneOfSeveralThatShareATaskLosesNoThread) {
  Executor executor(1);
  const auto queue = executor.CreateQueue(1, 10);
  CancelToken token;
  std::atomic<bool> stopped{false};
  Gate gate;
  std::atomic<bool> armed{false};
  ASSERT_TRUE(queue
                  ->Post(1, Make([&] {
                           EXPECT_TRUE(token.ArmShared([&] { stopped = true; }));
                           armed = true;
                           gate.Wait();
                           EXPECT_TRUE(token.Disarm());
                         }))
                  .ok());
  WaitUntil([&] { return armed.load(); });
  token.Cancel();
  EXPECT_TRUE(stopped);
  // The others' work goes on.
  std::this_thread::sleep_for(milliseconds(150));
  EXPECT_EQ(executor.threads_lost(), 0U);
  EXPECT_EQ(executor.threads_alive(), 1U);
  gate.Open();
  WaitUntilIdle(*queue);
}

}  // namespace
}  // namespace onlite
