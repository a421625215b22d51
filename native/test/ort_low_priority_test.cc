#include "core/low_priority.h"
#include "ort_fixture.h"
#include "thread_priorities.h"

namespace onlite {
namespace {

namespace ob = onnx_builder;

class OrtLowPriorityTest : public OrtTest {
 protected:
  void SetUp() override {
    OrtTest::SetUp();
    if (ThreadsByNiceness().empty()) GTEST_SKIP() << "the system does not tell of threads";
  }

  std::unique_ptr<Session> CreateLow(const SessionOptions& options) {
    std::unique_ptr<Session> session;
    RunAtLowPriority([&] { session = MustCreate(ob::AddModel({"batch", 64}), options); });
    return session;
  }

  /// What it makes of some rows: enough that the pool's threads take part.
  static std::vector<float> Answer(Session* session) {
    constexpr int64_t kRows = 4096;
    std::vector<float> a(kRows * 64);
    std::vector<float> b(a.size());
    for (size_t index = 0; index < a.size(); ++index) {
      a[index] = static_cast<float>(index) / 7;
      b[index] = static_cast<float>(index % 13);
    }
    RunResult result;
    const Status status =
        Run(session, {Floats({kRows, 64}, &a), Floats({kRows, 64}, &b)}, {{}}, &result);
    EXPECT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    return FloatsOf(result.outputs[0]);
  }
};

TEST_F(OrtLowPriorityTest, LeavesNoThreadThatIsLow) {
  const auto before = ThreadsByNiceness();
  ASSERT_EQ(before.size(), 1U);
  const auto [nice, count] = *before.begin();
  SessionOptions pools;
  pools.intra_op_threads = 4;
  pools.inter_op_threads = 3;
  pools.parallel_execution = true;
  auto session = CreateLow(pools);
  ASSERT_NE(session, nullptr);
  const auto ordinary = MustCreate(ob::AddModel({"batch", 64}), pools);
  // Who calls is one thread of each pool.
  const int made = (4 - 1) + (3 - 1);
  EXPECT_EQ(ThreadsByNiceness(), (std::map<int, int>{{nice, count + 2 * made}}));
  EXPECT_EQ(Answer(session.get()), Answer(ordinary.get()));
  session.reset();
  EXPECT_EQ(ThreadsByNiceness(), (std::map<int, int>{{nice, count + made}}));
}

TEST_F(OrtLowPriorityTest, LeavesSharedPoolsAlone) {
  const auto before = ThreadsByNiceness();
  const auto session = CreateLow({});
  EXPECT_EQ(ThreadsByNiceness(), before);
  EXPECT_EQ(Answer(session.get()), Answer(MustCreate(ob::AddModel({"batch", 64})).get()));
}

TEST_F(OrtLowPriorityTest, IsOrdinaryWhereThreadsAreBoundToProcessors) {
  SessionOptions options;
  options.intra_op_threads = 2;
  options.config_entries = {{"session.intra_op_thread_affinities", "1"}};
  const auto before = ThreadsByNiceness();
  const auto session = CreateLow(options);
  ASSERT_NE(session, nullptr);
  const auto [nice, count] = *before.begin();
  EXPECT_EQ(ThreadsByNiceness(), (std::map<int, int>{{nice, count + 1}}));
}

TEST_F(OrtLowPriorityTest, FailsAsAnyOther) {
  Status status;
  std::unique_ptr<Session> session;
  RunAtLowPriority([&] { status = Create("no model at all", &session); });
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(session, nullptr);
  EXPECT_FALSE(status.message().empty());
}

}  // namespace
}  // namespace onlite
