#include <algorithm>
#include <cstring>
#include <thread>

#include "core/aligned_buffer.h"
#include "tflite_support.h"

#ifndef _WIN32
#include <sys/mman.h>
#endif

namespace onlite::testing {
namespace {

SessionOptions OneThread(size_t concurrency = 1) {
  SessionOptions options;
  options.intra_op_threads = 1;
  options.concurrency = concurrency;
  return options;
}

/// Memory of exactly the tensor's length at an address that TFLite takes, or one
/// that it does not take; ASan sees every byte beyond.
class Memory {
 public:
  explicit Memory(TensorView view, size_t offset = 0)
      : buffer_(AllocateAligned(view.byte_length + offset)), view_(std::move(view)) {
    const void* from = view_.data;
    view_.data = buffer_.get() + offset;
    if (view_.byte_length == 0) return;
    if (from != nullptr) {
      std::memcpy(view_.data, from, view_.byte_length);
    } else {
      std::memset(view_.data, 0xA5, view_.byte_length);
    }
  }

  const TensorView& view() const { return view_; }
  Bytes bytes() const {
    const auto* data = static_cast<const uint8_t*>(view_.data);
    return {data, data + view_.byte_length};
  }

 private:
  AlignedBuffer buffer_;
  TensorView view_;
};

/// A binding with all its memory.
struct Bound {
  std::vector<Memory> inputs;
  std::vector<Memory> outputs;
  std::vector<Bytes> expected;
  // Destroyed first: it refers to the memory.
  std::unique_ptr<Binding> binding;

  std::vector<Bytes> Outputs() const {
    std::vector<Bytes> bytes;
    for (const Memory& output : outputs) bytes.push_back(output.bytes());
    return bytes;
  }
};

std::vector<Bytes> OutputsOf(const RunResult& result) {
  std::vector<Bytes> bytes;
  for (const Value& value : result.outputs) bytes.push_back(OutputBytes(value));
  return bytes;
}

class TfLiteBindingTest : public TfLiteTest {
 protected:
  /// Null, and a failed test, if anything of it is refused.
  static std::unique_ptr<Bound> Bind(Session* session, const std::vector<Feed>& feeds,
                                     size_t entry = 0, size_t offset = 0) {
    const SignatureInfo& signature = session->info().signatures[entry];
    auto bound = std::make_unique<Bound>();
    RunResult result;
    const Status run = session->Run(RequestFor(signature, feeds, entry), &result);
    EXPECT_TRUE(run.ok()) << run.message() << ": " << run.cause();
    if (!run.ok()) return nullptr;
    bound->expected = OutputsOf(result);
    EXPECT_TRUE(session->CreateBinding(entry, &bound->binding).ok());
    for (const Feed& feed : feeds) {
      bound->inputs.emplace_back(feed.view, offset);
      const size_t index = bound->inputs.size() - 1;
      EXPECT_TRUE(bound->binding->BindInput(index, bound->inputs[index].view()).ok());
    }
    for (const Value& value : result.outputs) {
      TensorView view = value.tensor;
      view.data = nullptr;
      bound->outputs.emplace_back(view, offset);
      const size_t index = bound->outputs.size() - 1;
      EXPECT_TRUE(bound->binding->BindOutput(index, bound->outputs[index].view()).ok());
    }
    return bound;
  }

  static void ExpectRuns(Bound* bound) {
    const Status status = bound->binding->Run(nullptr, nullptr);
    ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    EXPECT_EQ(bound->Outputs(), bound->expected);
  }

  std::unique_ptr<Session> OpenEmbedding(size_t concurrency = 1) {
    return Open("embedding_model.tflite", OneThread(concurrency));
  }
};

bool IsBindable(const SignatureInfo& signature) {
  const auto bindable = [](const ValueInfo& value) {
    return value.kind == ValueInfo::Kind::kTensor && value.type != ElementType::kString;
  };
  return std::all_of(signature.inputs.begin(), signature.inputs.end(), bindable) &&
         std::all_of(signature.outputs.begin(), signature.outputs.end(), bindable);
}

TEST_F(TfLiteBindingTest, BoundRunsEqualUnboundRuns) {
  int compared = 0;
  for (const auto& path : TfLiteModels()) {
    SCOPED_TRACE(path);
    if (path.filename() == "melspectrogram.tflite") continue;
    const auto session = OpenBytes(ReadFile(path), OneThread());
    ASSERT_TRUE(session);
    if (session->info().has_variables) continue;
    for (size_t entry = 0; entry < session->info().signatures.size(); ++entry) {
      const SignatureInfo& signature = session->info().signatures[entry];
      if (!IsBindable(signature)) continue;
      // Noise is no index: such a model has nothing to compare.
      RunResult result;
      const std::vector<Feed> feeds = FeedsFor(signature, 5);
      if (!session->Run(RequestFor(signature, feeds, entry), &result).ok()) continue;
      ++compared;
      for (const size_t offset : {0, 1}) {
        const auto bound = Bind(session.get(), feeds, entry, offset);
        ASSERT_TRUE(bound);
        ExpectRuns(bound.get());
        ExpectRuns(bound.get());
      }
    }
  }
  EXPECT_GT(compared, 0);
}

TEST_F(TfLiteBindingTest, BoundRunsOfVariablesKeepTheirState) {
  const auto session = Open("microwakeword/hey_mycroft.tflite", OneThread());
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const std::vector<Feed> feeds = FeedsFor(session->info().signatures[0], 3);
  const auto bound = Bind(session.get(), feeds);
  ASSERT_TRUE(bound);
  ASSERT_TRUE(session->ResetVariables().ok());
  std::vector<std::vector<Bytes>> expected;
  for (int step = 0; step < 20; ++step) {
    RunResult result;
    ASSERT_TRUE(session->Run(RequestFor(session->info().signatures[0], feeds), &result).ok());
    expected.push_back(OutputsOf(result));
  }
  ASSERT_TRUE(session->ResetVariables().ok());
  for (const std::vector<Bytes>& step : expected) {
    ASSERT_TRUE(bound->binding->Run(nullptr, nullptr).ok());
    EXPECT_EQ(bound->Outputs(), step);
  }
}

TEST_F(TfLiteBindingTest, MemoryIsSwappedBetweenRuns) {
  const auto session = OpenEmbedding();
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const SignatureInfo& signature = session->info().signatures[0];
  const auto one = Bind(session.get(), FeedsFor(signature, 1));
  const auto two = Bind(session.get(), FeedsFor(signature, 2));
  ASSERT_TRUE(one && two);
  ASSERT_NE(one->expected, two->expected);
  for (int round = 0; round < 3; ++round) {
    Bound& from = round % 2 == 0 ? *two : *one;
    ASSERT_TRUE(one->binding->BindInput(0, from.inputs[0].view()).ok());
    ASSERT_TRUE(one->binding->BindOutput(0, from.outputs[0].view()).ok());
    std::memset(from.outputs[0].view().data, 0, from.outputs[0].view().byte_length);
    ASSERT_TRUE(one->binding->Run(nullptr, nullptr).ok());
    EXPECT_EQ(from.Outputs(), from.expected);
  }
}

TEST_F(TfLiteBindingTest, FreedMemoryIsNotTouchedByOtherRuns) {
  const auto session = OpenEmbedding();
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const SignatureInfo& signature = session->info().signatures[0];
  for (const int64_t batch : {1, 2, 1, 3}) {
    const std::vector<Feed> feeds = FeedsFor(signature, 4, batch);
    auto bound = Bind(session.get(), feeds);
    ASSERT_TRUE(bound);
    ExpectRuns(bound.get());
    const std::vector<Bytes> expected = bound->expected;
    bound.reset();
    // The same shapes, every entry point that shares the tensors, and others.
    for (const int64_t next : {batch, batch + 1, batch}) {
      for (size_t entry = 0; entry < session->info().signatures.size(); ++entry) {
        const std::vector<Feed> again = FeedsFor(session->info().signatures[entry], 4, next);
        RunResult result;
        const Status status =
            session->Run(RequestFor(session->info().signatures[entry], again, entry), &result);
        ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
        if (next != batch || entry != 0) continue;
        EXPECT_EQ(OutputsOf(result), expected);
      }
    }
  }
}

TEST_F(TfLiteBindingTest, AlternatingShapesEndInCopies) {
  const auto session = OpenEmbedding(2);
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const SignatureInfo& signature = session->info().signatures[0];
  std::vector<std::unique_ptr<Bound>> bindings;
  for (const int64_t batch : {1, 2, 3}) {
    bindings.push_back(Bind(session.get(), FeedsFor(signature, 6, batch)));
    ASSERT_TRUE(bindings.back());
  }
  for (int round = 0; round < 8; ++round) {
    for (const auto& bound : bindings) ExpectRuns(bound.get());
  }
}

TEST_F(TfLiteBindingTest, DynamicOutputsAreTaken) {
  const auto session = OpenEmbedding();
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const auto bound = Bind(session.get(), FeedsFor(session->info().signatures[0], 1));
  ASSERT_TRUE(bound);
  Value value;
  EXPECT_EQ(bound->binding->TakeOutput(0, &value).code(), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(bound->binding->BindDynamicOutput(0).ok());
  ASSERT_TRUE(bound->binding->Run(nullptr, nullptr).ok());
  ASSERT_TRUE(bound->binding->TakeOutput(0, &value).ok());
  EXPECT_EQ(OutputBytes(value), bound->expected[0]);
  EXPECT_NE(bound->Outputs(), bound->expected);
  EXPECT_EQ(bound->binding->BindDynamicOutput(9).code(), ErrorCode::kInvalidArgument);
}

TEST_F(TfLiteBindingTest, WrongTensorsAreNamed) {
  const auto session = Open("models/alexa.tflite", OneThread());
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const SignatureInfo& signature = session->info().signatures[0];
  const std::string input = "inputs." + signature.inputs[0].name;
  const std::string output = "outputs." + signature.outputs[0].name;
  std::unique_ptr<Binding> binding;
  EXPECT_EQ(session->CreateBinding(99, &binding).code(), ErrorCode::kInvalidArgument);
  ASSERT_TRUE(session->CreateBinding(0, &binding).ok());
  EXPECT_EQ(binding->Run(nullptr, nullptr).message(), input + ": missing");
  Feed feed(ElementType::kFloat32, {1, 17, 96});
  EXPECT_EQ(binding->BindInput(0, feed.view).message(), input + ".dims[1]: expected 16, got 17");
  EXPECT_EQ(binding->BindInput(3, feed.view).code(), ErrorCode::kInvalidArgument);
  Feed ints(ElementType::kInt32, {1, 16, 96});
  EXPECT_EQ(binding->BindInput(0, ints.view).code(), ErrorCode::kTypeMismatch);
  EXPECT_EQ(binding->BindOutput(0, ints.view).message(),
            output + ".type: expected float32, got int32");
  Feed right(ElementType::kFloat32, {1, 16, 96});
  TensorView cut = right.view;
  cut.byte_length -= 4;
  EXPECT_EQ(binding->BindInput(0, cut).code(), ErrorCode::kShapeMismatch);
  EXPECT_EQ(binding->BindOutput(0, cut).code(), ErrorCode::kShapeMismatch);
  ASSERT_TRUE(binding->BindInput(0, right.view).ok());
  Feed large(ElementType::kFloat32, {1, 2});
  ASSERT_TRUE(binding->BindOutput(0, large.view).ok());
  const Status status = binding->Run(nullptr, nullptr);
  EXPECT_EQ(status.code(), ErrorCode::kShapeMismatch);
  EXPECT_EQ(status.message(), output + ".dims: expected [1,1], got [1,2]");
}

TEST_F(TfLiteBindingTest, OverlappingMemoryGivesWhatSeparateMemoryGives) {
  const auto session = Open("models/add4.tflite", OneThread());
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const auto bound = Bind(session.get(), FeedsFor(session->info().signatures[0], 8));
  ASSERT_TRUE(bound);
  ASSERT_TRUE(bound->binding->BindOutput(0, bound->inputs[0].view()).ok());
  ASSERT_TRUE(bound->binding->Run(nullptr, nullptr).ok());
  EXPECT_EQ(bound->inputs[0].bytes(), bound->expected[0]);
}

TEST_F(TfLiteBindingTest, CancelledRunsLeaveTheBindingUsable) {
  const auto session = OpenEmbedding();
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const auto bound = Bind(session.get(), FeedsFor(session->info().signatures[0], 1));
  ASSERT_TRUE(bound);
  CancelToken token;
  token.Cancel();
  EXPECT_EQ(bound->binding->Run(&token, nullptr).code(), ErrorCode::kCancelled);
  CancelToken unused;
  RunTimes times;
  ASSERT_TRUE(bound->binding->Run(&unused, &times).ok());
  EXPECT_EQ(bound->Outputs(), bound->expected);
  EXPECT_GT(times.invoke_ns, 0);
}

TEST_F(TfLiteBindingTest, ACancellationAtTheVeryEndOfARunStopsNoLaterRun) {
  const auto session = OpenEmbedding();
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const auto bound = Bind(session.get(), FeedsFor(session->info().signatures[0], 1));
  ASSERT_TRUE(bound);
  for (int round = 0; round < 3; ++round) {
    CancelToken late;
    late.before_disarm_for_tests = [](CancelToken* token) { token->Cancel(); };
    EXPECT_EQ(bound->binding->Run(&late, nullptr).code(), ErrorCode::kCancelled);
    CancelToken unused;
    ASSERT_TRUE(bound->binding->Run(&unused, nullptr).ok());
    EXPECT_EQ(bound->Outputs(), bound->expected);
  }
}

TEST_F(TfLiteBindingTest, BindingsAndUnboundRunsGoSideBySide) {
  const auto session = OpenEmbedding(3);
  if (session == nullptr) GTEST_SKIP() << "the model is not there";
  const SignatureInfo& signature = session->info().signatures[0];
  const std::vector<Feed> feeds = FeedsFor(signature, 3);
  const auto one = Bind(session.get(), FeedsFor(signature, 1));
  const auto two = Bind(session.get(), FeedsFor(signature, 2));
  const auto three = Bind(session.get(), feeds);
  ASSERT_TRUE(one && two && three);
  std::vector<std::thread> threads;
  for (Bound* bound : {one.get(), two.get()}) {
    threads.emplace_back([bound] {
      for (int round = 0; round < 30; ++round) ExpectRuns(bound);
    });
  }
  threads.emplace_back([&] {
    for (int round = 0; round < 30; ++round) {
      // Other shapes now and then, which cost an interpreter that has placed tensors.
      const int64_t batch = round % 10 == 9 ? 2 : 1;
      RunResult result;
      const Status status =
          session->Run(RequestFor(signature, FeedsFor(signature, 3, batch)), &result);
      ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
      if (batch != 1) continue;
      EXPECT_EQ(OutputsOf(result), three->expected);
    }
  });
  for (std::thread& thread : threads) thread.join();
}

#ifndef _WIN32
TEST_F(TfLiteBindingTest, NothingIsReadBehindAPageThatEndsWithATensor) {
  constexpr size_t kPage = 4096;
  for (const auto& path : TfLiteModels()) {
    SCOPED_TRACE(path);
    if (path.filename() == "melspectrogram.tflite") continue;
    const auto session = OpenBytes(ReadFile(path), OneThread());
    ASSERT_TRUE(session);
    const SignatureInfo& signature = session->info().signatures[0];
    if (!IsBindable(signature) || session->info().has_variables) continue;
    for (const int64_t dynamic : {1, 16, 64}) {
      const std::vector<Feed> feeds = FeedsFor(signature, 2, dynamic);
      RunResult result;
      if (!session->Run(RequestFor(signature, feeds), &result).ok()) continue;
      const auto bound = Bind(session.get(), feeds);
      ASSERT_TRUE(bound);
      for (size_t index = 0; index < feeds.size(); ++index) {
        TensorView view = feeds[index].view;
        const size_t length = AlignUp(view.byte_length);
        const size_t pages = (length + kPage - 1) / kPage * kPage;
        void* map = mmap(nullptr, pages + kPage, PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
        ASSERT_NE(map, MAP_FAILED);
        ASSERT_EQ(mprotect(static_cast<uint8_t*>(map) + pages, kPage, PROT_NONE), 0);
        view.data = static_cast<uint8_t*>(map) + pages - length;
        std::memcpy(view.data, feeds[index].view.data, view.byte_length);
        ASSERT_TRUE(bound->binding->BindInput(index, view).ok());
        ExpectRuns(bound.get());
        ASSERT_TRUE(bound->binding->BindInput(index, bound->inputs[index].view()).ok());
        ExpectRuns(bound.get());
        munmap(map, pages + kPage);
      }
    }
  }
}
#endif

}  // namespace
}  // namespace onlite::testing
