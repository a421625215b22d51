#include <algorithm>
#include <chrono>
#include <cmath>
#include <thread>

#include "tflite_support.h"

namespace onlite::testing {
namespace {

class TfLiteSessionTest : public TfLiteTest {};

#define OPEN_OR_SKIP(session, ...)                            \
  const std::unique_ptr<Session> session = Open(__VA_ARGS__); \
  if (session == nullptr) GTEST_SKIP() << "the model is not there"

SessionOptions With(std::vector<ProviderRequest> providers, size_t concurrency = 1) {
  SessionOptions options;
  options.providers = std::move(providers);
  options.concurrency = concurrency;
  options.intra_op_threads = 1;
  return options;
}

/// 2.9: no signature runners, no cancellation, no look at inner tensors.
bool IsOldLibrary() { return TfLiteRuntime().Describe().version.starts_with("2.9"); }

float MaxDifference(const Value& a, const Value& b) {
  float difference = 0;
  const auto* left = static_cast<const float*>(a.tensor.data);
  const auto* right = static_cast<const float*>(b.tensor.data);
  for (size_t index = 0; index < a.tensor.byte_length / sizeof(float); ++index) {
    difference = std::max(difference, std::abs(left[index] - right[index]));
  }
  return difference;
}

TEST_F(TfLiteSessionTest, DescribesTheLibrary) {
  const RuntimeDescription description = TfLiteRuntime().Describe();
  EXPECT_TRUE(description.loaded);
  EXPECT_FALSE(description.version.empty());
  EXPECT_EQ(description.providers, (std::vector<std::string>{"xnnpack", "cpu"}));
  EXPECT_EQ(description.tried.size(), 1U);
}

TEST_F(TfLiteSessionTest, EveryModelRunsAlikeOnXnnpackAndOnTheBuiltInKernels) {
  for (const auto& path : TfLiteModels()) {
    SCOPED_TRACE(path);
    const auto xnnpack = OpenBytes(ReadFile(path), With({}));
    const auto cpu = OpenBytes(ReadFile(path), With({{"cpu", {}}}));
    ASSERT_TRUE(xnnpack && cpu);
    // XNNPACK of 2.9 takes no control flow and no placeholder dims: then the
    // default falls back to the built-in kernels.
    if (!IsOldLibrary()) {
      EXPECT_EQ(xnnpack->info().providers, (std::vector<std::string>{"xnnpack", "cpu"}));
    }
    EXPECT_EQ(cpu->info().providers, (std::vector<std::string>{"cpu"}));
    const SignatureInfo& signature = cpu->info().signatures[0];
    EXPECT_EQ(signature.key, "");
    const bool sound = path.filename() == "melspectrogram.tflite";
    std::vector<Feed> feeds = FeedsFor(signature, 7);
    if (sound) {
      feeds.clear();
      feeds.emplace_back(ElementType::kFloat32, Dims{1, 1280});
      Fill(&feeds[0], 7);
    }
    RunResult fast;
    RunResult slow;
    const Status first = xnnpack->Run(RequestFor(signature, feeds), &fast);
    const Status second = cpu->Run(RequestFor(signature, feeds), &slow);
    ASSERT_TRUE(first.ok()) << first.message() << ": " << first.cause();
    ASSERT_TRUE(second.ok()) << second.message() << ": " << second.cause();
    for (size_t index = 0; index < signature.outputs.size(); ++index) {
      EXPECT_EQ(fast.outputs[index].tensor.dims, slow.outputs[index].tensor.dims);
      if (fast.outputs[index].tensor.type != ElementType::kFloat32) continue;
      EXPECT_LT(MaxDifference(fast.outputs[index], slow.outputs[index]), 1e-3F);
    }
    EXPECT_GT(fast.times.invoke_ns, 0);
  }
}

TEST_F(TfLiteSessionTest, SignaturesRunLikeThePrimaryEntryPoint) {
  for (const auto& path : TfLiteModels()) {
    SCOPED_TRACE(path);
    if (path.filename() == "melspectrogram.tflite") continue;
    const auto session = OpenBytes(ReadFile(path), With({}));
    ASSERT_TRUE(session);
    for (size_t index = 1; index < session->info().signatures.size(); ++index) {
      const SignatureInfo& signature = session->info().signatures[index];
      EXPECT_FALSE(signature.key.empty());
      const std::vector<Feed> feeds = FeedsFor(signature, 3);
      RunResult result;
      ASSERT_TRUE(session->ResetVariables().ok());
      const Status status = session->Run(RequestFor(signature, feeds, index), &result);
      if (status.code() == ErrorCode::kUnsupported) {
        EXPECT_TRUE(IsOldLibrary()) << status.message();
        continue;
      }
      ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
      const SignatureInfo& primary = session->info().signatures[0];
      if (index > 1 || primary.inputs.size() != 1 || signature.inputs.size() != 1) continue;
      RunResult plain;
      ASSERT_TRUE(session->ResetVariables().ok());
      ASSERT_TRUE(session->Run(RequestFor(primary, feeds), &plain).ok());
      EXPECT_EQ(OutputBytes(result.outputs[0]), OutputBytes(plain.outputs[0]));
    }
  }
}

TEST_F(TfLiteSessionTest, MelspectrogramLengths) {
  OPEN_OR_SKIP(session, "melspectrogram.tflite", With({}));
  const SignatureInfo& signature = session->info().signatures[0];
  EXPECT_EQ(signature.inputs[0].dims, (Dims{-1, -1}));
  // [1,1] is what the file says: a model that was never resized.
  for (const int64_t length : {1, 100, 400, 511}) {
    std::vector<Feed> feeds;
    feeds.emplace_back(ElementType::kFloat32, Dims{1, length});
    RunResult result;
    const Status status = session->Run(RequestFor(signature, feeds), &result);
    EXPECT_EQ(status.code(), ErrorCode::kShapeMismatch) << length << " " << status.message();
    EXPECT_FALSE(status.cause().empty());
  }
  for (const int64_t length : {512, 1280, 16000, 1280, 640}) {
    std::vector<Feed> feeds;
    feeds.emplace_back(ElementType::kFloat32, Dims{1, length});
    RunResult result;
    const Status status = session->Run(RequestFor(signature, feeds), &result);
    ASSERT_TRUE(status.ok()) << length << " " << status.message() << ": " << status.cause();
    EXPECT_EQ(result.outputs[0].tensor.dims, (Dims{1, 1, (length - 512) / 160 + 1, 32}));
  }
}

TEST_F(TfLiteSessionTest, VariablesStreamAndReset) {
  OPEN_OR_SKIP(session, "pymicro_wakeword/models/hey_mycroft.tflite", With({}));
  EXPECT_TRUE(session->info().has_variables);
  const SignatureInfo& signature = session->info().signatures[0];
  ASSERT_TRUE(signature.inputs[0].quantization.has_value());
  const auto stream = [&] {
    std::vector<Bytes> outputs;
    // Zeros: what comes out then depends on nothing but the state.
    std::vector<Feed> feeds;
    feeds.emplace_back(ElementType::kInt8, signature.inputs[0].dims);
    for (int step = 0; step < 40; ++step) {
      RunResult result;
      EXPECT_TRUE(session->Run(RequestFor(signature, feeds), &result).ok());
      outputs.push_back(OutputBytes(result.outputs[0]));
    }
    return outputs;
  };
  const std::vector<Bytes> first = stream();
  const std::vector<Bytes> carried = stream();
  ASSERT_TRUE(session->ResetVariables().ok());
  EXPECT_EQ(stream(), first);
  EXPECT_NE(carried, first) << "no state was kept, so this test shows nothing";
}

TEST_F(TfLiteSessionTest, VariablesAllowOneRunAtATime) {
  for (const auto& path : TfLiteModels()) {
    if (path.string().find("pymicro") == std::string::npos) continue;
    std::unique_ptr<Session> session;
    const Status status =
        TfLiteRuntime().CreateSession(SourceOf(ReadFile(path)), With({}, 2), &session);
    EXPECT_EQ(status.code(), ErrorCode::kUnsupported);
  }
}

TEST_F(TfLiteSessionTest, ConcurrentRunsShareWeights) {
  OPEN_OR_SKIP(session, "embedding_model.tflite", With({}, 3));
  const SignatureInfo& signature = session->info().signatures[0];
  EXPECT_EQ(session->info().concurrency, 3U);
  std::vector<RunResult> expected(4);
  for (int64_t batch = 1; batch <= 3; ++batch) {
    const std::vector<Feed> feeds = FeedsFor(signature, 5, batch);
    ASSERT_TRUE(session->Run(RequestFor(signature, feeds), &expected[batch]).ok());
  }
  std::vector<std::thread> threads;
  for (int64_t batch = 1; batch <= 3; ++batch) {
    threads.emplace_back([&, batch] {
      for (int round = 0; round < 12; ++round) {
        // Each thread changes shapes, so interpreters are resized under load.
        const int64_t size = (batch + round) % 3 + 1;
        const std::vector<Feed> feeds = FeedsFor(signature, 5, size);
        RunResult result;
        const Status status = session->Run(RequestFor(signature, feeds), &result);
        ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
        EXPECT_LT(MaxDifference(result.outputs[0], expected[size].outputs[0]), 1e-4F);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
}

TEST_F(TfLiteSessionTest, WrongFeedsAreNamed) {
  OPEN_OR_SKIP(session, "pyopen_wakeword/models/alexa.tflite", With({}));
  const SignatureInfo& signature = session->info().signatures[0];
  const std::string path = "inputs." + signature.inputs[0].name;
  const auto run = [&](const std::vector<Feed>& feeds) {
    RunResult result;
    return session->Run(RequestFor(signature, feeds), &result);
  };
  const auto feed = [](ElementType type, Dims dims) {
    std::vector<Feed> feeds;
    feeds.emplace_back(type, std::move(dims));
    return feeds;
  };
  Status status = run(feed(ElementType::kFloat32, {1, 17, 96}));
  EXPECT_EQ(status.code(), ErrorCode::kShapeMismatch);
  EXPECT_EQ(status.message(), path + ".dims[1]: expected 16, got 17");
  status = run(feed(ElementType::kFloat32, {1, 16}));
  EXPECT_EQ(status.code(), ErrorCode::kShapeMismatch);
  EXPECT_EQ(status.message(), path + ".dims: expected [1,16,96], got [1,16]");
  status = run(feed(ElementType::kInt32, {1, 16, 96}));
  EXPECT_EQ(status.code(), ErrorCode::kTypeMismatch);
  EXPECT_EQ(status.message(), path + ": expected float32, got int32");
  std::vector<Feed> lengths = feed(ElementType::kFloat32, {1, 16, 96});
  lengths[0].view.byte_length -= 4;
  EXPECT_EQ(run(lengths).code(), ErrorCode::kShapeMismatch);
  EXPECT_EQ(run({}).message(), path + ": missing");
  std::vector<Feed> negative = feed(ElementType::kFloat32, {1, 16, 96});
  negative[0].view.dims[0] = -1;
  EXPECT_EQ(run(negative).code(), ErrorCode::kShapeMismatch);
  std::vector<Feed> twice = feed(ElementType::kFloat32, {1, 16, 96});
  RunRequest request = RequestFor(signature, twice);
  request.inputs.push_back(request.inputs[0]);
  RunResult result;
  EXPECT_EQ(session->Run(request, &result).code(), ErrorCode::kInvalidArgument);
  request = RequestFor(signature, twice);
  request.outputs[0].index = 9;
  EXPECT_EQ(session->Run(request, &result).code(), ErrorCode::kInvalidArgument);
  request = RequestFor(signature, twice);
  request.signature = 9;
  EXPECT_EQ(session->Run(request, &result).code(), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(run(feed(ElementType::kFloat32, {1, 16, 96})).ok());
}

TEST_F(TfLiteSessionTest, OutputsGoWhereTheyAreAsked) {
  OPEN_OR_SKIP(session, "embedding_model.tflite", With({}));
  const SignatureInfo& signature = session->info().signatures[0];
  const std::vector<Feed> feeds = FeedsFor(signature, 1);
  RunResult expected;
  ASSERT_TRUE(session->Run(RequestFor(signature, feeds), &expected).ok());
  Feed target(ElementType::kFloat32, {1, 1, 1, 96});
  RunRequest request = RequestFor(signature, feeds);
  request.outputs[0].into = target.view;
  RunResult result;
  ASSERT_TRUE(session->Run(request, &result).ok());
  EXPECT_EQ(result.outputs[0].owner, nullptr);
  EXPECT_EQ(result.outputs[0].tensor.data, target.view.data);
  EXPECT_EQ(OutputBytes(result.outputs[0]), OutputBytes(expected.outputs[0]));
  request.outputs[0].into.dims = {1, 96};
  EXPECT_EQ(session->Run(request, &result).code(), ErrorCode::kShapeMismatch);
  request.outputs[0].into = target.view;
  request.outputs[0].into.byte_length -= 4;
  EXPECT_EQ(session->Run(request, &result).code(), ErrorCode::kShapeMismatch);
  request.outputs[0].into = target.view;
  request.outputs[0].into.type = ElementType::kInt32;
  EXPECT_EQ(session->Run(request, &result).code(), ErrorCode::kTypeMismatch);
  // Flexible: what does not fit is delivered all the same.
  request.outputs[0].flexible = true;
  ASSERT_TRUE(session->Run(request, &result).ok());
  EXPECT_NE(result.outputs[0].owner, nullptr);
  EXPECT_EQ(OutputBytes(result.outputs[0]), OutputBytes(expected.outputs[0]));
  request.outputs[0].into = target.view;
  ASSERT_TRUE(session->Run(request, &result).ok());
  EXPECT_EQ(result.outputs[0].owner, nullptr);
}

TEST_F(TfLiteSessionTest, CancelledRunsEndAndLeaveTheSessionUsable) {
  OPEN_OR_SKIP(session, "embedding_model.tflite", With({{"cpu", {}}}));
  const SignatureInfo& signature = session->info().signatures[0];
  const std::vector<Feed> feeds = FeedsFor(signature, 2, 64);
  RunResult expected;
  ASSERT_TRUE(session->Run(RequestFor(signature, feeds), &expected).ok());
  const int64_t whole = expected.times.invoke_ns;
  CancelToken before;
  before.Cancel();
  RunRequest request = RequestFor(signature, feeds);
  request.cancel = &before;
  RunResult result;
  EXPECT_EQ(session->Run(request, &result).code(), ErrorCode::kCancelled);
  CancelToken during;
  request.cancel = &during;
  std::thread canceller([&] {
    std::this_thread::sleep_for(std::chrono::nanoseconds(whole / 5));
    during.Cancel();
  });
  const auto started = std::chrono::steady_clock::now();
  EXPECT_EQ(session->Run(request, &result).code(), ErrorCode::kCancelled);
  const auto took = std::chrono::steady_clock::now() - started;
  canceller.join();
  if (!IsOldLibrary()) {
    EXPECT_LT(std::chrono::duration_cast<std::chrono::nanoseconds>(took).count(), whole * 4 / 5);
  }
  CancelToken unused;
  request.cancel = &unused;
  ASSERT_TRUE(session->Run(request, &result).ok());
  EXPECT_EQ(OutputBytes(result.outputs[0]), OutputBytes(expected.outputs[0]));
}

TEST_F(TfLiteSessionTest, ProvidersThatAreNotThere) {
  OPEN_OR_SKIP(session, "pyopen_wakeword/models/alexa.tflite", With({{"cuda", {}}, {"cpu", {}}}));
  EXPECT_EQ(session->info().providers, (std::vector<std::string>{"cpu"}));
  const auto create = [&](std::vector<ProviderRequest> providers) {
    std::unique_ptr<Session> other;
    const Bytes bytes = ReadFile(Find("pyopen_wakeword/models/alexa.tflite"));
    return TfLiteRuntime()
        .CreateSession(SourceOf(bytes), With(std::move(providers)), &other)
        .code();
  };
  EXPECT_EQ(create({{"cuda", {}}}), ErrorCode::kProviderUnavailable);
  EXPECT_EQ(create({{"cpu", {}}, {"cuda", {}}}), ErrorCode::kProviderUnavailable);
  EXPECT_EQ(create({{"xnnpack", {{"numThreads", "2"}}}}), ErrorCode::kOk);
  EXPECT_EQ(create({{"xnnpack", {{"numThreads", "0"}}}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(create({{"xnnpack", {{"threads", "1"}}}}), ErrorCode::kInvalidArgument);
  EXPECT_EQ(create({{"cpu", {{"numThreads", "1"}}}}), ErrorCode::kInvalidArgument);
}

TEST_F(TfLiteSessionTest, TellsWhatTheFileSays) {
  OPEN_OR_SKIP(session, "pymicro_wakeword/models/okay_nabu.tflite", With({}));
  const SessionInfo& info = session->info();
  EXPECT_EQ(info.engine, Engine::kTfLite);
  EXPECT_EQ(info.metadata.description, "MLIR Converted.");
  EXPECT_FALSE(info.metadata.custom.at("min_runtime_version").empty());
  ASSERT_EQ(info.signatures.size(), 2U);
  EXPECT_EQ(info.signatures[1].key, "serving_default");
  const ValueInfo& input = info.signatures[0].inputs[0];
  EXPECT_EQ(input.type, ElementType::kInt8);
  EXPECT_EQ(input.dims, (Dims{1, 3, 40}));
  ASSERT_TRUE(input.quantization.has_value());
  EXPECT_EQ(input.quantization->scale.size(), 1U);
  EXPECT_FALSE(input.quantization->axis.has_value());
  std::string file;
  EXPECT_EQ(session->EndProfiling(&file).code(), ErrorCode::kUnsupported);
}

}  // namespace
}  // namespace onlite::testing
