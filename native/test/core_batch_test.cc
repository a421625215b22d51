#include <gtest/gtest.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <functional>
#include <map>
#include <memory>
#include <mutex>
#include <numeric>
#include <span>
#include <thread>
#include <utility>
#include <vector>

#include "core/batch_queue.h"
#include "core/batch_tensors.h"
#include "core/delay_timer.h"

namespace onlite {
namespace {

using std::chrono::milliseconds;

TensorView Floats(std::vector<float>* data, Dims dims) {
  TensorView view;
  view.type = ElementType::kFloat32;
  view.dims = std::move(dims);
  view.data = data->data();
  view.byte_length = data->size() * sizeof(float);
  return view;
}

std::vector<float> ToFloats(const TensorView& view) {
  const auto* data = static_cast<const float*>(view.data);
  return {data, data + view.byte_length / sizeof(float)};
}

TEST(BatchTensors, RowBytesAreThoseOfTheFurtherDims) {
  EXPECT_EQ(RowBytes(ElementType::kFloat32, {7, 3, 2}), 24U);
  EXPECT_EQ(RowBytes(ElementType::kUInt8, {7}), 1U);
  EXPECT_EQ(RowBytes(ElementType::kFloat32, {7, 0}), 0U);
  EXPECT_EQ(RowBytes(ElementType::kInt4, {7, 4}), 2U);
  EXPECT_EQ(RowBytes(ElementType::kInt4, {7, 3}), std::nullopt);
  EXPECT_EQ(RowBytes(ElementType::kFloat32, {}), std::nullopt);
  EXPECT_EQ(RowBytes(ElementType::kString, {7}), std::nullopt);
  EXPECT_EQ(RowBytes(ElementType::kFloat32, {1, INT64_MAX, 4}), std::nullopt);
}

TEST(BatchTensors, PadsToTheNextAllowedSize) {
  const std::vector<size_t> allowed = {2, 8};
  EXPECT_EQ(PaddedRows(1, allowed), 2U);
  EXPECT_EQ(PaddedRows(2, allowed), 2U);
  EXPECT_EQ(PaddedRows(3, allowed), 8U);
  EXPECT_EQ(PaddedRows(9, allowed), 9U);
  EXPECT_EQ(PaddedRows(5, {}), 5U);
}

TEST(BatchTensors, JoinsRowsAndPadsWithTheLast) {
  std::vector<float> a = {1, 2};
  std::vector<float> b = {3, 4, 5, 6};
  std::vector<float> c = {10};
  std::vector<float> d = {20, 30};
  const TensorView views[] = {Floats(&a, {1, 2}), Floats(&b, {2, 2}), Floats(&c, {1}),
                              Floats(&d, {2})};
  const std::vector<std::vector<const TensorView*>> requests = {{&views[0], &views[2]},
                                                                {&views[1], &views[3]}};
  JoinedTensors joined;
  ASSERT_TRUE(JoinRows(requests, 5, &joined));
  ASSERT_EQ(joined.tensors.size(), 2U);
  EXPECT_EQ(joined.tensors[0].dims, (Dims{5, 2}));
  EXPECT_EQ(ToFloats(joined.tensors[0]), (std::vector<float>{1, 2, 3, 4, 5, 6, 5, 6, 5, 6}));
  EXPECT_EQ(joined.tensors[1].dims, (Dims{5}));
  EXPECT_EQ(ToFloats(joined.tensors[1]), (std::vector<float>{10, 20, 30, 30, 30}));
  for (const TensorView& tensor : joined.tensors) {
    EXPECT_EQ(reinterpret_cast<uintptr_t>(tensor.data) % 64, 0U);
  }
}

TEST(BatchTensors, RefusesToJoinIntoTooFewRows) {
  std::vector<float> a = {1, 2, 3};
  const TensorView view = Floats(&a, {3});
  JoinedTensors joined;
  EXPECT_FALSE(JoinRows(std::vector<std::vector<const TensorView*>>{{&view}}, 2, &joined));
}

TEST(BatchTensors, SplitsIntoViewsThatKeepTheWholeAlive) {
  auto data = std::make_shared<std::vector<float>>(std::vector<float>{1, 2, 3, 4, 5, 6, 7, 8});
  const std::weak_ptr<std::vector<float>> alive = data;
  Value whole;
  whole.kind = Value::Kind::kTensor;
  whole.tensor = Floats(data.get(), {4, 2});
  whole.owner = std::move(data);
  std::vector<Value> parts;
  ASSERT_TRUE(SplitRows(whole, 4, std::vector<size_t>{2, 1}, nullptr, &parts));
  ASSERT_EQ(parts.size(), 2U);
  EXPECT_EQ(parts[0].tensor.dims, (Dims{2, 2}));
  EXPECT_EQ(parts[0].tensor.data, whole.tensor.data);
  whole = {};
  parts.erase(parts.begin());
  EXPECT_EQ(parts[0].tensor.dims, (Dims{1, 2}));
  EXPECT_EQ(ToFloats(parts[0].tensor), (std::vector<float>{5, 6}));
  parts.clear();
  EXPECT_TRUE(alive.expired());
}

TEST(BatchTensors, SplitsNothingThatHasOtherRows) {
  auto data = std::make_shared<std::vector<float>>(8);
  Value whole;
  whole.kind = Value::Kind::kTensor;
  whole.owner = data;
  std::vector<Value> parts;
  whole.tensor = Floats(data.get(), {4, 2});
  EXPECT_FALSE(SplitRows(whole, 5, std::vector<size_t>{5}, nullptr, &parts));
  whole.tensor.dims = {};
  EXPECT_FALSE(SplitRows(whole, 1, std::vector<size_t>{1}, nullptr, &parts));
  whole.tensor = Floats(data.get(), {4, 2});
  whole.kind = Value::Kind::kSequence;
  EXPECT_FALSE(SplitRows(whole, 4, std::vector<size_t>{4}, nullptr, &parts));
  EXPECT_TRUE(parts.empty());
}

/// What requests did, and what holds them up.
struct Log {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<std::vector<int>> batches;
  size_t finished = 0;
  size_t dropped = 0;
  bool held = false;

  void WaitFor(const std::function<bool()>& condition) {
    std::unique_lock lock(mutex);
    ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), condition));
  }
  void Hold(bool hold) {
    const std::lock_guard lock(mutex);
    held = hold;
    changed.notify_all();
  }
  size_t Requests() const {
    return std::accumulate(batches.begin(), batches.end(), size_t{0},
                           [](size_t sum, const auto& batch) { return sum + batch.size(); });
  }
};

class Request final : public Task, public BatchMember {
 public:
  Request(Log* log, int number, size_t rows, int kind)
      : log_(log), number_(number), rows_(rows), kind_(kind) {}
  ~Request() override {
    const std::lock_guard lock(log_->mutex);
    if (!finished_) ++log_->dropped;
    log_->changed.notify_all();
  }

  size_t rows() const override { return rows_; }
  bool JoinsWith(const BatchMember& other) const override {
    return static_cast<const Request&>(other).kind_ == kind_;
  }
  void RunTogether(std::span<BatchMember* const> members) override {
    std::unique_lock lock(log_->mutex);
    log_->changed.wait(lock, [this] { return !log_->held; });
    std::vector<int> numbers;
    for (BatchMember* member : members) numbers.push_back(static_cast<Request*>(member)->number_);
    log_->batches.push_back(std::move(numbers));
  }
  void Run() override { ++runs_; }
  std::unique_ptr<Task> Finished(std::unique_ptr<Task> self) override {
    const std::lock_guard lock(log_->mutex);
    EXPECT_EQ(runs_, 1);
    finished_ = true;
    ++log_->finished;
    log_->changed.notify_all();
    return self;
  }

 private:
  Log* const log_;
  const int number_;
  const size_t rows_;
  const int kind_;
  int runs_ = 0;
  bool finished_ = false;
};

class BatchQueueTest : public testing::Test {
 protected:
  void Create(BatchOptions options, size_t max_waiting = 10'000) {
    queue_ = std::make_shared<BatchQueue>(executor_.CreateQueue(1, max_waiting), 1, max_waiting,
                                          SIZE_MAX, std::move(options));
  }
  Status Post(int number, size_t rows = 1, int kind = 0) {
    auto request = std::make_unique<Request>(&log_, number, rows, kind);
    BatchMember* const member = request.get();
    return queue_->Post(static_cast<uint64_t>(number), std::move(request), member);
  }
  void WaitUntilFinished(size_t count) {
    log_.WaitFor([&] { return log_.finished == count; });
  }
  /// Until a batch of one holds the queue's only place.
  void Occupy() {
    log_.Hold(true);
    ASSERT_TRUE(Post(1000, 1, 1000).ok());
    while (queue_->waiting() > 0) std::this_thread::sleep_for(milliseconds(1));
  }

  Log log_;
  Executor executor_{2};
  std::shared_ptr<BatchQueue> queue_;
};

constexpr auto kLong = std::chrono::hours(1);

TEST_F(BatchQueueTest, AFullBatchRunsAtOnceAndAnotherWaits) {
  Create({4, kLong, {}});
  for (int number = 0; number < 6; ++number) ASSERT_TRUE(Post(number).ok());
  WaitUntilFinished(4);
  EXPECT_EQ(log_.batches, (std::vector<std::vector<int>>{{0, 1, 2, 3}}));
  EXPECT_EQ(queue_->waiting(), 2U);
  queue_->Flush();
  WaitUntilFinished(6);
  EXPECT_EQ(log_.batches.back(), (std::vector<int>{4, 5}));
  EXPECT_EQ(queue_->sizes(), (std::map<size_t, uint64_t>{{2, 1}, {4, 1}}));
}

TEST_F(BatchQueueTest, CountsBatchesSinceAResetAndSinceAnInterval) {
  using Sizes = BatchQueue::Sizes;
  Create({2, kLong, {}});
  for (int number = 0; number < 4; ++number) ASSERT_TRUE(Post(number).ok());
  WaitUntilFinished(4);
  EXPECT_EQ(queue_->TakeSizesInterval(), (Sizes{{2, 2}}));
  EXPECT_EQ(queue_->TakeSizesInterval(), Sizes());
  for (int number = 4; number < 6; ++number) ASSERT_TRUE(Post(number).ok());
  WaitUntilFinished(6);
  EXPECT_EQ(queue_->SizesSinceReset(), (Sizes{{2, 3}}));
  EXPECT_EQ(queue_->TakeSizesInterval(), (Sizes{{2, 1}}));
  ASSERT_TRUE(Post(6).ok());
  queue_->Flush();
  WaitUntilFinished(7);
  queue_->ResetSizes();
  EXPECT_EQ(queue_->SizesSinceReset(), Sizes());
  EXPECT_EQ(queue_->TakeSizesInterval(), Sizes());
  EXPECT_EQ(queue_->sizes(), (Sizes{{1, 1}, {2, 3}}));
}

TEST_F(BatchQueueTest, ARequestThatDoesNotFitClosesTheBatch) {
  Create({4, kLong, {}});
  ASSERT_TRUE(Post(0, 3).ok());
  ASSERT_TRUE(Post(1, 2).ok());
  WaitUntilFinished(1);
  ASSERT_TRUE(Post(2, 2).ok());
  WaitUntilFinished(3);
  EXPECT_EQ(log_.batches, (std::vector<std::vector<int>>{{0}, {1, 2}}));
}

TEST_F(BatchQueueTest, OnlyThoseOfAKindJoin) {
  Create({2, kLong, {}});
  for (int number = 0; number < 4; ++number) ASSERT_TRUE(Post(number, 1, number % 2).ok());
  WaitUntilFinished(4);
  EXPECT_EQ(log_.batches, (std::vector<std::vector<int>>{{0, 2}, {1, 3}}));
}

TEST_F(BatchQueueTest, TheDelayEndsTheWaiting) {
  Create({100, milliseconds(5), {}});
  for (int round = 0; round < 3; ++round) {
    ASSERT_TRUE(Post(2 * round, 1, 0).ok());
    ASSERT_TRUE(Post(2 * round + 1, 1, 1).ok());
    WaitUntilFinished(2 * (static_cast<size_t>(round) + 1));
  }
}

TEST_F(BatchQueueTest, WithoutDelayWhatComesDuringARunIsABatch) {
  Create({100, {}, {}});
  Occupy();
  for (int number = 0; number < 10; ++number) ASSERT_TRUE(Post(number).ok());
  EXPECT_EQ(queue_->waiting(), 10U);
  log_.Hold(false);
  WaitUntilFinished(11);
  EXPECT_EQ(log_.batches.back().size(), 10U);
}

TEST_F(BatchQueueTest, RemoveTakesOutWhatHasNotStarted) {
  Create({100, {}, {}});
  Occupy();
  for (int number = 0; number < 3; ++number) ASSERT_TRUE(Post(number).ok());
  ASSERT_TRUE(Post(3, 1, 1).ok());
  EXPECT_NE(queue_->Remove(1), nullptr);
  EXPECT_NE(queue_->Remove(3), nullptr);
  EXPECT_EQ(queue_->Remove(3), nullptr);
  EXPECT_EQ(queue_->Remove(1000), nullptr);
  EXPECT_EQ(queue_->waiting(), 2U);
  log_.Hold(false);
  WaitUntilFinished(3);
  EXPECT_EQ(log_.batches.back(), (std::vector<int>{0, 2}));
  EXPECT_EQ(log_.dropped, 2U);
}

TEST_F(BatchQueueTest, CountsRequestsBeyondThoseThatCanStart) {
  Create({4, {}, {}}, 2);
  Occupy();
  ASSERT_TRUE(Post(0).ok());
  ASSERT_TRUE(Post(1, 1, 1).ok());
  EXPECT_EQ(Post(2).code(), ErrorCode::kQueueFull);
  EXPECT_EQ(log_.dropped, 1U);
  EXPECT_NE(queue_->Remove(1), nullptr);
  EXPECT_TRUE(Post(3).ok());
  log_.Hold(false);
  WaitUntilFinished(3);
}

TEST_F(BatchQueueTest, WithNoWaitingAllowedAWholeBatchMayGather) {
  Create({4, kLong, {}}, 0);
  for (int number = 0; number < 3; ++number) ASSERT_TRUE(Post(number).ok());
  ASSERT_TRUE(Post(3).ok());
  WaitUntilFinished(4);
}

TEST_F(BatchQueueTest, EachRequestRunsOnceOrIsRemoved) {
  Create({7, std::chrono::microseconds(50), {}}, 1'000'000);
  constexpr int kThreads = 3;
  constexpr int kEach = 2000;
  std::atomic<size_t> removed{0};
  std::vector<std::thread> threads;
  threads.reserve(kThreads);
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([this, thread, &removed] {
      for (int index = 0; index < kEach; ++index) {
        const int number = thread * kEach + index;
        EXPECT_TRUE(Post(number, 1 + static_cast<size_t>(index % 3), index % 2).ok());
        if (index % 5 == 0 && queue_->Remove(static_cast<uint64_t>(number))) ++removed;
        if (index % 500 == 0) queue_->Flush();
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  log_.WaitFor([&] { return log_.finished + removed == size_t{kThreads} * kEach; });
  EXPECT_EQ(log_.dropped, removed);
  EXPECT_EQ(log_.Requests(), log_.finished);
}

TEST(DelayTimer, CallsInTheOrderOfTheTimes) {
  std::mutex mutex;
  std::condition_variable changed;
  std::vector<int> order;
  const auto start = DelayTimer::Clock::now();
  for (const int number : {3, 1, 2}) {
    DelayTimer::Process().CallAt(start + milliseconds(10 * number), [&, number] {
      const std::lock_guard lock(mutex);
      order.push_back(number);
      EXPECT_GE(DelayTimer::Clock::now(), start + milliseconds(10 * number));
      changed.notify_all();
    });
  }
  std::unique_lock lock(mutex);
  ASSERT_TRUE(changed.wait_for(lock, std::chrono::seconds(60), [&] { return order.size() == 3; }));
  EXPECT_EQ(order, (std::vector<int>{1, 2, 3}));
}

}  // namespace
}  // namespace onlite
