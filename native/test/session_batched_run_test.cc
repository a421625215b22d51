#include <gtest/gtest.h>

#include <memory>
#include <utility>
#include <vector>

#include "session/batch_support.h"
#include "session/batched_run.h"
#include "session_fake.h"

namespace onlite {
namespace {

/// A run of the fake's with feeds of its own.
class TestRun final : public BatchedRun {
 public:
  TestRun(std::shared_ptr<SessionCore> core, std::vector<float> feed)
      : BatchedRun(std::move(core)), feed_(std::move(feed)) {
    RunInput& input = request_.inputs.emplace_back();
    input.tensor.type = ElementType::kFloat32;
    input.tensor.dims = {static_cast<int64_t>(rows()), 2};
    input.tensor.data = feed_.data();
    input.tensor.byte_length = feed_.size() * sizeof(float);
    request_.outputs.emplace_back();
  }

  size_t rows() const override { return feed_.size() / 2; }
  const RunRequest& request() const override { return request_; }
  RunRequest& request() { return request_; }
  CancelToken& token() override { return token_; }
  void TakePart(std::vector<Value> outputs, size_t batch_rows, int64_t,
                const RunTimes& times) override {
    outputs_ = std::move(outputs);
    batch_rows_ = batch_rows;
    times_ = times;
    ++parts_;
  }
  void CheckOwnRows(const RunResult& result) const { CheckRows(result.outputs); }

  int parts() const { return parts_; }
  size_t batch_rows() const { return batch_rows_; }
  const RunTimes& times() const { return times_; }
  std::vector<float> Output() const {
    const TensorView& tensor = outputs_.at(0).tensor;
    const auto* data = static_cast<const float*>(tensor.data);
    return {data, data + tensor.byte_length / sizeof(float)};
  }

 private:
  std::vector<float> feed_;
  RunRequest request_;
  CancelToken token_;
  std::vector<Value> outputs_;
  size_t batch_rows_ = 0;
  RunTimes times_;
  int parts_ = 0;
};

class BatchedRunTest : public testing::Test {
 protected:
  void Make(std::vector<size_t> allowed_sizes = {}) {
    auto fake = std::make_unique<FakeSession>(log_);
    session_ = fake.get();
    core_ = MakeCore(std::move(fake));
    BatchOptions options;
    options.max_rows = 8;
    options.allowed_sizes = std::move(allowed_sizes);
    core_->batches = std::make_shared<BatchQueue>(core_->queue, 1, 64, size_t{1} << 20, options);
  }

  const std::shared_ptr<FakeLog> log_ = std::make_shared<FakeLog>();
  std::shared_ptr<SessionCore> core_;
  FakeSession* session_ = nullptr;
};

TEST_F(BatchedRunTest, GivesEachMemberItsRows) {
  Make();
  TestRun one(core_, {1, 2});
  TestRun other(core_, {3, 4, 5, 6});
  ASSERT_TRUE(one.JoinsWith(other));
  BatchMember* const members[] = {&one, &other};
  one.RunTogether(members);
  EXPECT_EQ(log_->runs, 1);
  EXPECT_EQ(one.Output(), (std::vector<float>{2, 4}));
  EXPECT_EQ(other.Output(), (std::vector<float>{6, 8, 10, 12}));
  EXPECT_EQ(one.batch_rows(), 3U);
  EXPECT_EQ(other.times().invoke_ns, 20);
}

TEST_F(BatchedRunTest, PadsToAnAllowedSizeAndHidesThePadding) {
  Make({4});
  std::vector<int64_t> rows;
  session_->set_respond([&](const RunRequest& request, RunResult* result) {
    rows.push_back(request.inputs[0].tensor.dims[0]);
    return FakeSession::Double(request, result);
  });
  TestRun one(core_, {1, 2});
  BatchMember* const members[] = {&one};
  one.RunTogether(members);
  EXPECT_EQ(rows, (std::vector<int64_t>{4}));
  EXPECT_EQ(one.Output(), (std::vector<float>{2, 4}));
  EXPECT_EQ(one.batch_rows(), 1U);
}

TEST_F(BatchedRunTest, LeavesABatchOfOneToItsOwnTask) {
  Make();
  TestRun one(core_, {1, 2});
  BatchMember* const members[] = {&one};
  one.RunTogether(members);
  EXPECT_EQ(log_->runs, 0);
  EXPECT_EQ(one.parts(), 0);
}

TEST_F(BatchedRunTest, AFailedBatchLeavesItsMembersToThemselves) {
  Make();
  session_->set_respond([](const RunRequest&, RunResult*) {
    return Status(ErrorCode::kRunFailed, "one of the requests is bad");
  });
  TestRun one(core_, {1, 2});
  TestRun other(core_, {3, 4});
  BatchMember* const members[] = {&one, &other};
  one.RunTogether(members);
  EXPECT_EQ(log_->runs, 1);
  EXPECT_EQ(one.parts() + other.parts(), 0);
  EXPECT_TRUE(core_->keeps_rows);
}

TEST_F(BatchedRunTest, AModelThatMakesOtherRowsIsNotBatchedAgain) {
  Make();
  session_->set_respond([](const RunRequest& request, RunResult* result) {
    Status status = FakeSession::Double(request, result);
    result->outputs[0].tensor.dims = {1, static_cast<int64_t>(2 * request.inputs.size())};
    return status;
  });
  TestRun one(core_, {1, 2});
  TestRun other(core_, {3, 4});
  BatchMember* const members[] = {&one, &other};
  one.RunTogether(members);
  EXPECT_EQ(one.parts() + other.parts(), 0);
  EXPECT_FALSE(core_->keeps_rows);
  EXPECT_EQ(BatchRows(*core_, one.request(), false), 0U);
  one.RunTogether(members);
  EXPECT_EQ(log_->runs, 1);
}

TEST_F(BatchedRunTest, ARunByItselfFindsOutToo) {
  Make();
  TestRun one(core_, {1, 2});
  RunResult result;
  ASSERT_TRUE(FakeSession::Double(one.request(), &result).ok());
  one.CheckOwnRows(result);
  EXPECT_TRUE(core_->keeps_rows);
  result.outputs[0].tensor.dims = {};
  one.CheckOwnRows(result);
  EXPECT_FALSE(core_->keeps_rows);
}

TEST_F(BatchedRunTest, CancelledMembersAreLeftOutAndAllOfThemStopTheBatch) {
  Make();
  TestRun one(core_, {1, 2});
  TestRun other(core_, {3, 4});
  TestRun gone(core_, {5, 6});
  gone.token().Cancel();
  std::vector<bool> stopped;
  session_->set_respond([&](const RunRequest& request, RunResult* result) {
    EXPECT_EQ(request.inputs[0].tensor.dims[0], 2);
    one.token().Cancel();
    stopped.push_back(request.cancel->cancelled());
    other.token().Cancel();
    stopped.push_back(request.cancel->cancelled());
    return FakeSession::Double(request, result);
  });
  BatchMember* const members[] = {&one, &other, &gone};
  one.RunTogether(members);
  EXPECT_EQ(stopped, (std::vector<bool>{false, true}));
  EXPECT_EQ(gone.parts(), 0);
}

TEST_F(BatchedRunTest, JoinsOnlyWhatAsksForTheSame) {
  Make();
  TestRun one(core_, {1, 2});
  TestRun other(core_, {3, 4});
  other.request().outputs[0].index = 1;
  EXPECT_FALSE(one.JoinsWith(other));
  other.request().outputs[0].index = 0;
  other.request().inputs[0].tensor.dims[1] = 3;
  EXPECT_FALSE(one.JoinsWith(other));
  other.request().inputs[0].tensor.dims[1] = 2;
  other.request().signature = 1;
  EXPECT_FALSE(one.JoinsWith(other));
}

TEST_F(BatchedRunTest, BatchesOrdinaryRunsOnly) {
  Make();
  TestRun one(core_, {1, 2, 3, 4});
  EXPECT_EQ(BatchRows(*core_, one.request(), false), 2U);
  EXPECT_EQ(BatchRows(*core_, one.request(), true), 0U);
  one.request().options.tag = "of its own";
  EXPECT_EQ(BatchRows(*core_, one.request(), false), 0U);
  one.request().options.tag = "";
  float memory[4] = {};
  one.request().outputs[0].into.data = memory;
  EXPECT_EQ(BatchRows(*core_, one.request(), false), 0U);
  TestRun large(core_, std::vector<float>(18));
  EXPECT_EQ(BatchRows(*core_, large.request(), false), 0U);
}

TEST(BatchSupport, NeedsRowsThatAreThoseOfTheInputs) {
  SessionInfo info = FakeSession().info();
  EXPECT_TRUE(CheckBatching(info).ok());
  info.has_variables = true;
  EXPECT_EQ(CheckBatching(info).code(), ErrorCode::kUnsupported);
  info.has_variables = false;
  ValueInfo& output = info.signatures[0].outputs[0];
  output.symbols[0] = "boxes";
  EXPECT_EQ(CheckBatching(info).code(), ErrorCode::kUnsupported);
  output.symbols[0] = "unk__7";
  EXPECT_TRUE(CheckBatching(info).ok());
  output.dims[0] = 1;
  EXPECT_EQ(CheckBatching(info).code(), ErrorCode::kUnsupported);
  output.dims = {};
  EXPECT_EQ(CheckBatching(info).code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace onlite
