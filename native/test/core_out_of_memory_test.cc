// Memory that cannot be had at any one point, and what is left afterwards.
#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <cstdlib>
#include <functional>
#include <memory>
#include <new>
#include <span>
#include <thread>
#include <utility>

#include "core/batch_queue.h"
#include "core/cancel_token.h"
#include "core/executor.h"

namespace {

/// How many allocations of this thread succeed before one fails; negative: all do.
thread_local int succeed_before_failure = -1;
thread_local bool has_failed = false;

void* Allocate(size_t bytes) {
  if (succeed_before_failure == 0) {
    succeed_before_failure = -1;
    has_failed = true;
    throw std::bad_alloc();
  }
  if (succeed_before_failure > 0) --succeed_before_failure;
  void* const memory = std::malloc(bytes == 0 ? 1 : bytes);
  if (memory == nullptr) throw std::bad_alloc();
  return memory;
}

}  // namespace

// Where a compiler inlines some of these and not the others it takes them for a mistake.
#pragma GCC diagnostic ignored "-Wmismatched-new-delete"
void* operator new(size_t bytes) { return Allocate(bytes); }
void* operator new[](size_t bytes) { return Allocate(bytes); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, size_t /*bytes*/) noexcept { std::free(memory); }
void operator delete[](void* memory, size_t /*bytes*/) noexcept { std::free(memory); }

namespace onlite {
namespace {

/// What became of the tasks.
struct Counts {
  std::atomic<int> ran{0};
  std::atomic<int> destroyed{0};
};

class CountingTask final : public Task, public BatchMember {
 public:
  explicit CountingTask(Counts* counts) : counts_(counts) {}
  ~CountingTask() override { ++counts_->destroyed; }
  void Run() override { ++counts_->ran; }
  size_t rows() const override { return 1; }
  bool JoinsWith(const BatchMember& /*other*/) const override { return true; }
  void RunTogether(std::span<BatchMember* const> /*members*/) override {}

 private:
  Counts* const counts_;
};

void WaitUntil(const std::function<bool()>& condition) {
  while (!condition()) std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

/// Calls `attempt` with the first, the second, … of its allocations failing, until none did.
/// It gets whether that is the last time, and says whether it was done.
void FailAtEveryAllocation(const std::function<bool()>& attempt,
                           const std::function<void(bool)>& check) {
  for (int point = 0;; ++point) {
    has_failed = false;
    succeed_before_failure = point;
    bool done = false;
    try {
      done = attempt();
    } catch (const std::bad_alloc&) {
      done = false;
    }
    succeed_before_failure = -1;
    const bool failed = has_failed;
    SCOPED_TRACE(point);
    check(done);
    if (!failed) {
      EXPECT_TRUE(done);
      return;
    }
    ASSERT_LT(point, 1000);
  }
}

TEST(OutOfMemory, StartingThreads) {
  Counts counts;
  FailAtEveryAllocation(
      [&] {
        Executor executor(2);
        const auto queue = executor.CreateQueue(1, 10);
        const int before = counts.ran;
        const Status status = queue->Post(1, std::make_unique<CountingTask>(&counts));
        if (!status.ok()) return false;
        WaitUntil([&] { return counts.ran == before + 1; });
        return true;
      },
      [](bool) {});
  WaitUntil([&] { return counts.destroyed == counts.ran; });
}

TEST(OutOfMemory, Posting) {
  Counts counts;
  Executor executor(2);
  const auto queue = executor.CreateQueue(1, 10);
  const std::function<Status()> ways[] = {
      [&] { return queue->Post(1, std::make_unique<CountingTask>(&counts)); },
      [&] { return queue->PostUnbounded(1, std::make_unique<CountingTask>(&counts)); },
      [&] { return queue->PostExclusive(1, std::make_unique<CountingTask>(&counts)); },
  };
  int posted = 0;
  for (const auto& way : ways) {
    FailAtEveryAllocation([&] { return way().ok(); },
                          [&](bool done) {
                            if (done) ++posted;
                            WaitUntil([&] { return counts.destroyed == posted; });
                            EXPECT_EQ(counts.ran, posted);
                            EXPECT_EQ(queue->waiting(), 0U);
                          });
  }
  EXPECT_EQ(posted, 3);
}

TEST(OutOfMemory, RefusingBecauseTheQueueIsFull) {
  Counts counts;
  Executor executor(1);
  const auto queue = executor.CreateQueue(1, 0);
  ASSERT_TRUE(queue->TryEnter());
  FailAtEveryAllocation(
      [&] {
        return queue->Post(1, std::make_unique<CountingTask>(&counts)).code() ==
               ErrorCode::kQueueFull;
      },
      [&](bool) { EXPECT_EQ(queue->waiting(), 0U); });
  queue->Leave();
  ASSERT_TRUE(queue->Post(1, std::make_unique<CountingTask>(&counts)).ok());
  WaitUntil([&] { return counts.ran == 1; });
}

class OutOfMemoryInBatches : public testing::TestWithParam<std::chrono::nanoseconds> {};

TEST_P(OutOfMemoryInBatches, Posting) {
  Counts counts;
  int posted = 0;
  Executor executor(2);
  const auto batches = std::make_shared<BatchQueue>(executor.CreateQueue(1, 100), 1, 100, SIZE_MAX,
                                                    BatchOptions{4, GetParam(), {}});
  const auto post = [&] {
    auto task = std::make_unique<CountingTask>(&counts);
    BatchMember* const member = task.get();
    if (!batches->Post(1, std::move(task), member).ok()) return false;
    ++posted;
    return true;
  };
  // Into a batch that is opened for it, into one that is there, and into one that it fills.
  for (int filled = 0; filled < 4; ++filled) {
    FailAtEveryAllocation(
        [&] {
          batches->Flush();
          WaitUntil([&] { return batches->waiting() == 0; });
          const int until = succeed_before_failure;
          succeed_before_failure = -1;
          for (int index = 0; index < filled; ++index) post();
          succeed_before_failure = until;
          return post();
        },
        [&](bool) {
          batches->Flush();
          WaitUntil([&] { return batches->waiting() == 0 && counts.ran == posted; });
        });
  }
  WaitUntil([&] { return counts.destroyed >= posted; });
  EXPECT_EQ(counts.ran, posted);
}

INSTANTIATE_TEST_SUITE_P(Delays, OutOfMemoryInBatches,
                         testing::Values(std::chrono::nanoseconds(0), std::chrono::hours(1)));

TEST(OutOfMemory, CancellingARun) {
  Executor executor(1);
  const auto queue = executor.CreateQueue(1, 10);
  std::atomic<bool> armed_now{false};
  std::atomic<bool> stopped{false};
  FailAtEveryAllocation(
      [&] {
        CancelToken token;
        armed_now = false;
        stopped = false;
        class Stoppable final : public Task {
         public:
          explicit Stoppable(std::function<void()> run) : run_(std::move(run)) {}
          void Run() override { run_(); }

         private:
          std::function<void()> run_;
        };
        const Status status =
            queue->Post(1, std::make_unique<Stoppable>([&] {
                          ArmedToken armed(&token, [&stopped] { stopped = true; });
                          armed_now = true;
                          WaitUntil([&] { return stopped.load(); });
                        }));
        if (!status.ok()) return false;
        WaitUntil([&] { return armed_now.load(); });
        token.Cancel();
        WaitUntil([&] { return queue->running() == 0; });
        return true;
      },
      [&](bool) { EXPECT_EQ(queue->waiting(), 0U); });
}

}  // namespace
}  // namespace onlite
