#include <set>
#include <string>

#include "runtimes/tflite/profile/operator_recorder.h"
#include "tflite_support.h"

namespace onlite::testing {
namespace {

using tflite::OperatorRecorder;
using tflite::RecordedOperator;
using tflite::TelemetryProfiler;

int64_t now_ns = 0;
int64_t Clock() { return now_ns; }

/// Reports to a recorder as an interpreter would.
class Interpreter {
 public:
  explicit Interpreter(OperatorRecorder* recorder)
      : profiler_(reinterpret_cast<TelemetryProfiler*>(recorder->profiler())) {
    now_ns = 0;
  }

  uint32_t Begin(const char* name, int64_t index, int64_t subgraph = 0) {
    return profiler_->ReportBeginOpInvokeEvent(profiler_, name, index, subgraph);
  }
  void End(uint32_t handle) { profiler_->ReportEndOpInvokeEvent(profiler_, handle); }
  void Delegate(const char* name, uint64_t microseconds, int64_t index, int64_t subgraph = 0) {
    profiler_->ReportOpInvokeEvent(profiler_, name, microseconds, index, subgraph);
  }
  void EndSubgraph() { profiler_->ReportTelemetryEvent(profiler_, "Invoke", 0); }

 private:
  TelemetryProfiler* profiler_;
};

const RecordedOperator* Row(const OperatorRecorder& recorder, int64_t subgraph, int64_t partition,
                            int64_t index) {
  for (const RecordedOperator& row : recorder.operators()) {
    if (row.subgraph == subgraph && row.partition == partition && row.index == index) return &row;
  }
  return nullptr;
}

TEST(OperatorRecorderTest, TakesWhatItCallsFromAnOperatorsTime) {
  OperatorRecorder recorder(&Clock);
  Interpreter interpreter(&recorder);
  recorder.StartRun();
  now_ns += 5;
  const uint32_t loop = interpreter.Begin("WHILE", 0);
  for (int turn = 0; turn < 3; ++turn) {
    now_ns += 10;
    const uint32_t less = interpreter.Begin("LESS", 0, 1);
    now_ns += 100;
    interpreter.End(less);
    interpreter.EndSubgraph();
  }
  now_ns += 1;
  interpreter.End(loop);
  interpreter.EndSubgraph();
  recorder.FinishRun();
  EXPECT_TRUE(recorder.complete());
  EXPECT_EQ(recorder.total_ns(), 336);
  ASSERT_EQ(recorder.operators().size(), 2U);
  EXPECT_EQ(Row(recorder, 0, -1, 0)->nanoseconds, 31);
  EXPECT_EQ(Row(recorder, 0, -1, 0)->count, 1U);
  EXPECT_EQ(Row(recorder, 1, -1, 0)->nanoseconds, 300);
  EXPECT_EQ(Row(recorder, 1, -1, 0)->count, 3U);
  EXPECT_EQ(Row(recorder, 1, -1, 0)->kernel, "LESS");
}

TEST(OperatorRecorderTest, KeepsPartitionsApartAndTheSameInEveryRun) {
  OperatorRecorder recorder(&Clock);
  Interpreter interpreter(&recorder);
  for (int run = 0; run < 2; ++run) {
    recorder.StartRun();
    now_ns += 7000;
    interpreter.Delegate("Copy", 2, 0);
    interpreter.Delegate("Add", 3, 1);
    const uint32_t mean = interpreter.Begin("MEAN", 2);
    now_ns += 50;
    interpreter.End(mean);
    now_ns += 1500;
    interpreter.Delegate("Multiply", 1, 0);
    now_ns += 900;  // a third, straight after the second
    interpreter.Delegate("Multiply", 0, 0);
    interpreter.EndSubgraph();
    recorder.FinishRun();
  }
  EXPECT_EQ(recorder.total_ns(), 2 * 9450);
  EXPECT_EQ(recorder.operators().size(), 8U);
  EXPECT_EQ(Row(recorder, 0, 0, -1)->nanoseconds, 2 * 2000);
  EXPECT_EQ(Row(recorder, 0, 0, 0)->nanoseconds, 2 * 2000);
  EXPECT_EQ(Row(recorder, 0, 0, 1)->nanoseconds, 2 * 3000);
  EXPECT_EQ(Row(recorder, 0, -1, 2)->nanoseconds, 2 * 50);
  EXPECT_EQ(Row(recorder, 0, 1, -1)->nanoseconds, 2 * 500);
  EXPECT_EQ(Row(recorder, 0, 1, 0)->nanoseconds, 2 * 1000);
  EXPECT_EQ(Row(recorder, 0, 2, -1)->nanoseconds, 2 * 900);
  for (const RecordedOperator& row : recorder.operators()) EXPECT_EQ(row.count, 2U);
}

TEST(OperatorRecorderTest, SurvivesEventsThatDoNotPair) {
  OperatorRecorder recorder(&Clock);
  Interpreter interpreter(&recorder);
  interpreter.End(interpreter.Begin("before the run", 0));
  EXPECT_TRUE(recorder.operators().empty());
  EXPECT_TRUE(recorder.complete());
  recorder.StartRun();
  interpreter.End(77);
  interpreter.Begin(nullptr, -5, -5);
  interpreter.Delegate(nullptr, UINT64_MAX, INT64_MAX, INT64_MIN);
  recorder.FinishRun();
  EXPECT_FALSE(recorder.complete());
  interpreter.End(1);
}

class TfLiteProfileTest : public TfLiteTest {};

TEST_F(TfLiteProfileTest, CountsEveryOperatorOfTheBuiltInKernels) {
  const auto session = [this] {
    SessionOptions options;
    options.providers = {{"cpu", {}}};
    return Open("conv_int8.tflite", options);
  }();
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const SignatureInfo& signature = session->info().signatures[0];
  const std::vector<Feed> feeds = FeedsFor(signature, 3);
  OperatorProfile profile;
  const Status status = session->Profile(RequestFor(signature, feeds), 4, &profile);
  if (TfLiteRuntime().Describe().version.starts_with("2.9")) {
    EXPECT_EQ(status.code(), ErrorCode::kUnsupported);
    return;
  }
  ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
  ASSERT_EQ(profile.operators.size(), 4U);
  EXPECT_TRUE(profile.delegated.empty());
  int64_t sum = 0;
  for (const ProfiledOperator& profiled : profile.operators) {
    EXPECT_EQ(profiled.count, 4U);
    EXPECT_EQ(profiled.partition, -1);
    EXPECT_FALSE(profiled.outputs.empty());
    EXPECT_GT(profiled.outputs[0].bytes, 0U);
    sum += profiled.nanoseconds;
  }
  EXPECT_EQ(profile.operators[0].builtin_code, 3);  // CONV_2D
  EXPECT_GT(sum, 0);
  EXPECT_LE(sum, profile.total_ns);
}

TEST_F(TfLiteProfileTest, ProfilesEveryModelAndLosesNoOperator) {
  if (TfLiteRuntime().Describe().version.starts_with("2.9")) GTEST_SKIP() << "has no profiler";
  for (const auto& path : TfLiteModels()) {
    SCOPED_TRACE(path);
    if (path.filename() == "melspectrogram.tflite") continue;  // has no runnable declared shape
    const auto session = OpenBytes(ReadFile(path));
    ASSERT_NE(session, nullptr);
    const SignatureInfo& signature = session->info().signatures[0];
    const std::vector<Feed> feeds = FeedsFor(signature, 3);
    RunResult result;
    const bool runs = session->Run(RequestFor(signature, feeds), &result).ok();
    OperatorProfile profile;
    const Status status = session->Profile(RequestFor(signature, feeds), 2, &profile);
    EXPECT_EQ(status.ok(), runs) << status.message() << ": " << status.cause();
    // Each operator of the model is either timed or was taken, and none is both.
    std::set<std::pair<int64_t, int64_t>> seen;
    const auto add = [&seen](const ProfiledOperator& profiled) {
      if (profiled.partition >= 0) return;
      EXPECT_GE(profiled.builtin_code, 0);
      EXPECT_TRUE(seen.emplace(profiled.subgraph, profiled.index).second);
    };
    for (const ProfiledOperator& profiled : profile.operators) add(profiled);
    for (const ProfiledOperator& profiled : profile.delegated) add(profiled);
  }
}

TEST_F(TfLiteProfileTest, RefusesWhatARunWouldAndStopsWhenCancelled) {
  const auto session = Open("conv_int8.tflite");
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  if (TfLiteRuntime().Describe().version.starts_with("2.9")) GTEST_SKIP() << "has no profiler";
  const SignatureInfo& signature = session->info().signatures[0];
  const std::vector<Feed> feeds = FeedsFor(signature, 3);
  OperatorProfile profile;
  EXPECT_EQ(session->Profile({}, 1, &profile).code(), ErrorCode::kInvalidArgument);
  RunRequest request = RequestFor(signature, feeds);
  request.signature = 9;
  EXPECT_EQ(session->Profile(request, 1, &profile).code(), ErrorCode::kInvalidArgument);
  CancelToken cancel;
  cancel.Cancel();
  request = RequestFor(signature, feeds);
  request.cancel = &cancel;
  EXPECT_EQ(session->Profile(request, 1'000'000'000, &profile).code(), ErrorCode::kCancelled);
}

}  // namespace
}  // namespace onlite::testing
