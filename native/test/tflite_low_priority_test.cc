#include "core/low_priority.h"
#include "tflite_support.h"
#include "thread_priorities.h"

namespace onlite::testing {
namespace {

class TfLiteLowPriorityTest : public TfLiteTest {};

std::vector<Bytes> Answer(Session* session) {
  const SignatureInfo& signature = session->info().signatures[0];
  const std::vector<Feed> feeds = FeedsFor(signature, 5);
  RunResult result;
  const Status status = session->Run(RequestFor(signature, feeds), &result);
  EXPECT_TRUE(status.ok()) << status.message() << ": " << status.cause();
  std::vector<Bytes> outputs;
  for (const Value& value : result.outputs) outputs.push_back(OutputBytes(value));
  return outputs;
}

TEST_F(TfLiteLowPriorityTest, LeavesNoThreadThatIsLow) {
  const auto before = ThreadsByNiceness();
  if (before.empty()) GTEST_SKIP() << "the system does not tell of threads";
  ASSERT_EQ(before.size(), 1U);
  const auto [nice, count] = *before.begin();
  for (const char* provider : {"xnnpack", "cpu"}) {
    SCOPED_TRACE(provider);
    SessionOptions options;
    options.providers = {{provider, {}}};
    options.intra_op_threads = 4;
    std::unique_ptr<Session> session;
    RunAtLowPriority([&] { session = Open("hey_jarvis.tflite", options); });
    if (session == nullptr) GTEST_SKIP() << "the model is not there";
    EXPECT_EQ(Answer(session.get()), Answer(Open("hey_jarvis.tflite", options).get()));
    // XNNPACK makes its threads with the session; the built-in kernels may do so when they run.
    const auto after = ThreadsByNiceness();
    EXPECT_EQ(after.size(), 1U);
    EXPECT_EQ(after.begin()->first, nice);
    if (provider == std::string("xnnpack")) {
      EXPECT_GE(after.begin()->second, count + 3);
    }
  }
}

}  // namespace
}  // namespace onlite::testing
