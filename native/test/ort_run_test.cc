#include <thread>

#include "ort_fixture.h"

namespace onlite {
namespace {

namespace ob = onnx_builder;

class OrtRunTest : public OrtTest {};

TEST_F(OrtRunTest, DescribesTheLibrary) {
  const RuntimeDescription description = OnnxRuntime().Describe();
  EXPECT_TRUE(description.loaded);
  EXPECT_EQ(description.version.substr(0, 2), "1.");
  EXPECT_NE(std::find(description.providers.begin(), description.providers.end(), "cpu"),
            description.providers.end());
  EXPECT_EQ(description.thread_pools, "global");
}

TEST_F(OrtRunTest, AddsAndReportsTimes) {
  const auto session = MustCreate(ob::AddModel({1, 4}));
  std::vector<float> a = {1, 2, 3, 4};
  std::vector<float> b = {10, 20, 30, 40};
  RunResult result;
  const Status status = Run(session.get(), {Floats({1, 4}, &a), Floats({1, 4}, &b)}, {{}}, &result);
  ASSERT_TRUE(status.ok()) << status.message();
  ASSERT_EQ(result.outputs.size(), 1U);
  EXPECT_EQ(result.outputs[0].tensor.dims, (Dims{1, 4}));
  EXPECT_EQ(FloatsOf(result.outputs[0]), (std::vector<float>{11, 22, 33, 44}));
  EXPECT_NE(result.outputs[0].owner, nullptr);
  EXPECT_GT(result.times.invoke_ns, 0);
}

TEST_F(OrtRunTest, WritesIntoGivenMemory) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}));
  std::vector<float> x = {1, 2, 3};
  std::vector<float> y(3);
  RunResult result;
  ASSERT_TRUE(Run(session.get(), {Floats({3}, &x)}, {Floats({3}, &y)}, &result).ok());
  EXPECT_EQ(y, (std::vector<float>{-1, -2, -3}));
  EXPECT_EQ(result.outputs[0].tensor.data, y.data());
  EXPECT_EQ(result.outputs[0].owner, nullptr);
}

TEST_F(OrtRunTest, RefusesGivenMemoryOfAnotherShape) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}));
  std::vector<float> x(1000, 1);
  std::vector<float> y(3);
  RunResult result;
  ExpectError(Run(session.get(), {Floats({1000}, &x)}, {Floats({3}, &y)}, &result),
              ErrorCode::kShapeMismatch, "3");
  std::vector<float> wide(2000, 7);
  ExpectError(Run(session.get(), {Floats({1000}, &x)}, {Floats({2000}, &wide)}, &result),
              ErrorCode::kShapeMismatch, "2000");
  std::vector<int8_t> bytes(12);
  ExpectError(
      Run(session.get(), {Floats({1000}, &x)}, {View(ElementType::kInt8, {12}, &bytes)}, &result),
      ErrorCode::kTypeMismatch, "outputs.y.type: expected float32, got int8");
  TensorView small = Floats({1000}, &y);
  ExpectError(Run(session.get(), {Floats({1000}, &x)}, {small}, &result), ErrorCode::kShapeMismatch,
              "outputs.y.data: expected 4000 bytes");
}

Status RunFlexibly(Session* session, std::vector<float>* x, std::vector<float>* y,
                   RunResult* result) {
  const auto dims = [](const std::vector<float>& data) {
    return Dims{static_cast<int64_t>(data.size())};
  };
  RunRequest request;
  request.inputs.push_back({0, Floats(dims(*x), x), false, {}});
  request.outputs.push_back({0, Floats(dims(*y), y), true});
  return session->Run(request, result);
}

TEST_F(OrtRunTest, FlexibleMemoryTakesWhatFits) {
  // The declared shape holds for inputs of three elements only.
  const auto session =
      MustCreate(ob::Model({{ob::Node("Neg", {"x"}, {"y"})},
                            {ob::NamedValue("x", ob::TensorType(ob::kFloat, {"n"}))},
                            {ob::NamedValue("y", ob::TensorType(ob::kFloat, {3}))},
                            {}}));
  for (const size_t size : {3U, 3U, 5U, 3U, 2U}) {
    SCOPED_TRACE(size);
    std::vector<float> x(size, 2);
    std::vector<float> y(3, 7);
    RunResult result;
    const Status status = RunFlexibly(session.get(), &x, &y, &result);
    ASSERT_TRUE(status.ok()) << status.message() << status.cause();
    EXPECT_EQ(result.outputs[0].tensor.dims, (Dims{static_cast<int64_t>(size)}));
    EXPECT_EQ(FloatsOf(result.outputs[0]), std::vector<float>(size, -2));
    EXPECT_EQ(result.outputs[0].owner == nullptr, size == 3);
    EXPECT_EQ(y[0], size == 3 ? -2 : 7);
  }
}

TEST_F(OrtRunTest, FlexibleMemoryOfAWrongKind) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}));
  std::vector<float> x = {1, 2, 3};
  std::vector<int32_t> other(3, 7);
  std::vector<float> small(1, 7);
  TensorView too_short = Floats({3}, &small);
  too_short.byte_length = 4;
  for (const TensorView& into : {View(ElementType::kInt32, {3}, &other), too_short}) {
    for (int round = 0; round < 2; ++round) {
      RunRequest request;
      request.inputs.push_back({0, Floats({3}, &x), false, {}});
      request.outputs.push_back({0, into, true});
      RunResult result;
      ASSERT_TRUE(session->Run(request, &result).ok());
      EXPECT_EQ(FloatsOf(result.outputs[0]), (std::vector<float>{-1, -2, -3}));
      EXPECT_NE(result.outputs[0].owner, nullptr);
    }
  }
  EXPECT_EQ(other, std::vector<int32_t>(3, 7));
  EXPECT_EQ(small[0], 7);
}

TEST_F(OrtRunTest, FlexibleRunsFailAsOthersDo) {
  const auto session =
      MustCreate(ob::Model({{ob::Node("Reshape", {"x", "s"}, {"y"})},
                            {ob::NamedValue("x", ob::TensorType(ob::kFloat, {"n"}))},
                            {ob::NamedValue("y", ob::TensorType(ob::kFloat, {"a", "b"}))},
                            {ob::RawTensor("s", ob::kInt64, {2},
                                           std::string("\2\0\0\0\0\0\0\0\2\0\0\0\0\0\0\0", 16))}}));
  std::vector<float> four(4, 1);
  std::vector<float> five(5, 1);
  std::vector<float> y(4, 0);
  for (int round = 0; round < 2; ++round) {
    RunRequest request;
    request.inputs.push_back({0, Floats({4}, &four), false, {}});
    request.outputs.push_back({0, Floats({2, 2}, &y), true});
    RunResult result;
    ASSERT_TRUE(session->Run(request, &result).ok());
    EXPECT_EQ(y, four);
    request.inputs[0].tensor = Floats({5}, &five);
    ExpectError(session->Run(request, &result), ErrorCode::kRunFailed, "");
  }
}

/// Models whose output no kernel writes: a graph input, an initializer, a view.
TEST_F(OrtRunTest, GivenMemoryOfOutputsWithoutAKernel) {
  const std::string dynamic = ob::TensorType(ob::kFloat, {"n"});
  const std::string fixed(16, '\0');
  const std::vector<std::string> models = {
      ob::UnaryModel("Identity", ob::kFloat, {"n"}),
      ob::Model({{ob::Node("Neg", {"x"}, {"unused"})},
                 {ob::NamedValue("x", dynamic)},
                 {ob::NamedValue("x", dynamic)},
                 {}}),
      ob::Model({{ob::Node("Neg", {"x"}, {"unused"})},
                 {ob::NamedValue("x", dynamic)},
                 {ob::NamedValue("w", dynamic)},
                 {ob::RawTensor("w", ob::kFloat, {4}, fixed)}}),
      ob::Model({{ob::Node("Neg", {"x"}, {"unused"})},
                 {ob::NamedValue("x", dynamic), ob::NamedValue("w", dynamic)},
                 {ob::NamedValue("w", dynamic)},
                 {ob::RawTensor("w", ob::kFloat, {4}, fixed)}}),
      ob::Model({{ob::Node("Reshape", {"x", "s"}, {"y"})},
                 {ob::NamedValue("x", dynamic)},
                 {ob::NamedValue("y", ob::TensorType(ob::kFloat, {"m"}))},
                 {ob::RawTensor("s", ob::kInt64, {1}, std::string(8, '\xff'))}}),
  };
  for (size_t index = 0; index < models.size(); ++index) {
    SCOPED_TRACE(index);
    std::unique_ptr<Session> session;
    const Status created = Create(models[index], &session);
    if (!created.ok()) continue;  // refused is fine too
    std::vector<float> x = {5, 6, 7, 8};
    std::vector<float> y(4, -1);
    RunResult result;
    const Status same = Run(session.get(), {Floats({4}, &x)}, {Floats({4}, &y)}, &result);
    EXPECT_TRUE(same.ok()) << same.message() << same.cause();
    EXPECT_EQ(y, index == 2 || index == 3 ? std::vector<float>(4, 0) : x);
    std::vector<float> one(1, -1);
    ExpectError(Run(session.get(), {Floats({4}, &x)}, {Floats({1}, &one)}, &result),
                ErrorCode::kShapeMismatch, "");
    EXPECT_EQ(one[0], -1);
  }
}

TEST_F(OrtRunTest, RefusesWrongFeeds) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {1, 3, 224, "w"}));
  std::vector<float> x(size_t{3} * 225 * 2);
  RunResult result;
  ExpectError(Run(session.get(), {Floats({1, 3, 225, 2}, &x)}, {{}}, &result),
              ErrorCode::kShapeMismatch, "inputs.x.dims[2]: expected 224, got 225");
  ExpectError(Run(session.get(), {Floats({1, 3, 224}, &x)}, {{}}, &result),
              ErrorCode::kShapeMismatch, "inputs.x.dims: expected 4 dimensions [1,3,224,?], got 3");
  ExpectError(Run(session.get(), {Floats({1, 3, 224, -1}, &x)}, {{}}, &result),
              ErrorCode::kShapeMismatch, "inputs.x.dims[3]: expected 0 or more, got -1");
  ExpectError(Run(session.get(), {Floats({1, 3, 224, 9}, &x)}, {{}}, &result),
              ErrorCode::kShapeMismatch, "inputs.x.data: expected 24192 bytes");
  ExpectError(Run(session.get(), {Floats({1, 3, 224, int64_t{1} << 62}, &x)}, {{}}, &result),
              ErrorCode::kShapeMismatch, "too large");
  std::vector<int8_t> bytes(size_t{3} * 224);
  ExpectError(Run(session.get(), {View(ElementType::kInt8, {1, 3, 224, 1}, &bytes)}, {{}}, &result),
              ErrorCode::kTypeMismatch, "inputs.x.type: expected float32, got int8");
  TensorView nowhere = Floats({1, 3, 224, 2}, &x);
  nowhere.data = nullptr;
  ExpectError(Run(session.get(), {nowhere}, {{}}, &result), ErrorCode::kInvalidArgument,
              "inputs.x.data: missing");
  ExpectError(Run(session.get(), {}, {{}}, &result), ErrorCode::kInvalidArgument,
              "inputs.x: missing");
  ExpectError(Run(session.get(), {Floats({1, 3, 224, 2}, &x)}, {}, &result),
              ErrorCode::kInvalidArgument, "outputs");

  RunRequest twice;
  twice.inputs = {{0, Floats({1, 3, 224, 2}, &x), false, {}},
                  {0, Floats({1, 3, 224, 2}, &x), false, {}}};
  twice.outputs = {{0, {}}};
  ExpectError(session->Run(twice, &result), ErrorCode::kInvalidArgument, "given twice");
  RunRequest outside;
  outside.inputs = {{7, Floats({1, 3, 224, 2}, &x), false, {}}};
  outside.outputs = {{0, {}}};
  ExpectError(session->Run(outside, &result), ErrorCode::kInvalidArgument, "index 7 of 1");
  RunRequest signature;
  signature.signature = 1;
  ExpectError(session->Run(signature, &result), ErrorCode::kInvalidArgument, "signature");
}

TEST_F(OrtRunTest, ZeroElements) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n", 3}));
  RunResult result;
  const Status status =
      Run(session.get(), {{ElementType::kFloat32, {0, 3}, nullptr, 0, {}}}, {{}}, &result);
  ASSERT_TRUE(status.ok()) << status.message() << status.cause();
  EXPECT_EQ(result.outputs[0].tensor.dims, (Dims{0, 3}));
  EXPECT_EQ(result.outputs[0].tensor.byte_length, 0U);
}

TEST_F(OrtRunTest, DynamicDimsAndSymbols) {
  const auto session = MustCreate(ob::AddModel({"batch", 2}));
  const ValueInfo& input = session->info().signatures[0].inputs[0];
  EXPECT_EQ(input.dims, (Dims{-1, 2}));
  EXPECT_EQ(input.symbols, (std::vector<std::string>{"batch", ""}));
  for (const int64_t batch : {1, 5, 2}) {
    std::vector<float> a(static_cast<size_t>(batch) * 2, 1);
    RunResult result;
    ASSERT_TRUE(
        Run(session.get(), {Floats({batch, 2}, &a), Floats({batch, 2}, &a)}, {{}}, &result).ok());
    EXPECT_EQ(result.outputs[0].tensor.dims, (Dims{batch, 2}));
  }
}

TEST_F(OrtRunTest, UnknownRank) {
  const std::string type = ob::UnrankedTensorType(ob::kFloat);
  const auto session = MustCreate(ob::Model({{ob::Node("Neg", {"x"}, {"y"})},
                                             {ob::NamedValue("x", type)},
                                             {ob::NamedValue("y", type)},
                                             {}}));
  EXPECT_TRUE(session->info().signatures[0].inputs[0].unknown_rank);
  std::vector<float> x = {1, 2, 3, 4};
  RunResult result;
  ASSERT_TRUE(Run(session.get(), {Floats({2, 2}, &x)}, {{}}, &result).ok());
  EXPECT_EQ(result.outputs[0].tensor.dims, (Dims{2, 2}));
}

/// A loop that would run for very long.
std::string EndlessModel() {
  const std::string scalar = ob::TensorType(ob::kFloat, {1});
  const std::string truth = ob::TensorType(ob::kBool, {});
  const ob::Graph body = {{ob::Node("Identity", {"go"}, {"go_on"}), ob::Node("Neg", {"v"}, {"w"})},
                          {ob::NamedValue("i", ob::TensorType(ob::kInt64, {})),
                           ob::NamedValue("go", truth), ob::NamedValue("v", scalar)},
                          {ob::NamedValue("go_on", truth), ob::NamedValue("w", scalar)},
                          {}};
  return ob::Model(
      {{ob::Node("Loop", {"", "forever", "x"}, {"y"}, {ob::GraphAttribute("body", body.Bytes())})},
       {ob::NamedValue("x", scalar), ob::NamedValue("forever", truth)},
       {ob::NamedValue("y", scalar)},
       {}});
}

TEST_F(OrtRunTest, CancelsARunInFlight) {
  const auto session = MustCreate(EndlessModel());
  std::vector<float> x = {1};
  std::vector<uint8_t> forever = {1};
  CancelToken cancel;
  RunRequest request;
  request.inputs = {{0, Floats({1}, &x), false, {}},
                    {1, View(ElementType::kBool, {}, &forever), false, {}}};
  request.outputs = {{0, {}}};
  request.cancel = &cancel;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    cancel.Cancel();
  });
  RunResult result;
  const Status status = session->Run(request, &result);
  canceller.join();
  EXPECT_EQ(status.code(), ErrorCode::kCancelled) << status.message();

  ExpectError(session->Run(request, &result), ErrorCode::kCancelled, "cancelled");

  // The session goes on.
  forever[0] = 0;
  request.cancel = nullptr;
  EXPECT_TRUE(session->Run(request, &result).ok());
}

TEST_F(OrtRunTest, RunsFromSeveralThreads) {
  SessionOptions options;
  options.concurrency = 4;
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}), options);
  EXPECT_EQ(session->info().concurrency, 4U);
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int thread = 0; thread < 4; ++thread) {
    threads.emplace_back([&session, thread] {
      for (int round = 0; round < 50; ++round) {
        std::vector<float> x(100 + static_cast<size_t>(thread), static_cast<float>(round));
        RunResult result;
        const auto size = static_cast<int64_t>(x.size());
        ASSERT_TRUE(Run(session.get(), {Floats({size}, &x)}, {{}}, &result).ok());
        ASSERT_EQ(FloatsOf(result.outputs[0]).back(), -static_cast<float>(round));
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(OrtRunTest, RunOptions) {
  const auto session = MustCreate(ob::AddModel({1}));
  std::vector<float> a = {1};
  RunRequest request;
  request.inputs = {{0, Floats({1}, &a), false, {}}, {1, Floats({1}, &a), false, {}}};
  request.outputs = {{0, {}}};
  request.options.tag = "tag";
  request.options.log_severity = 3;
  request.options.log_verbosity = 0;
  request.options.config_entries = {{"memory.enable_memory_arena_shrinkage", "cpu:0"}};
  RunResult result;
  const Status status = session->Run(request, &result);
  EXPECT_TRUE(status.ok()) << status.message() << status.cause();
}

TEST_F(OrtRunTest, FailureInAKernel) {
  const auto session =
      MustCreate(ob::Model({{ob::Node("Gather", {"w", "i"}, {"y"})},
                            {ob::NamedValue("i", ob::TensorType(ob::kInt64, {1}))},
                            {ob::NamedValue("y", ob::TensorType(ob::kFloat, {1}))},
                            {ob::RawTensor("w", ob::kFloat, {2}, std::string(8, '\0'))}}));
  std::vector<int64_t> index = {5};
  RunResult result;
  ExpectError(Run(session.get(), {View(ElementType::kInt64, {1}, &index)}, {{}}, &result),
              ErrorCode::kRunFailed, "out");
}

}  // namespace
}  // namespace onlite
