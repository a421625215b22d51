#include <cstring>

#include "core/aligned_buffer.h"
#include "runtimes/tflite/library.h"
#include "runtimes/tflite/model/model.h"
#include "runtimes/tflite/run/interpreter.h"
#include "runtimes/tflite/xnnpack/delegate.h"
#include "runtimes/tflite/xnnpack/packed_weights.h"
#include "tflite_support.h"

#ifndef _WIN32
#include <sys/mman.h>
#endif

namespace onlite::testing {
namespace {

using tflite::Interpreter;
using tflite::InterpreterSettings;
using tflite::Library;
using tflite::Model;
using tflite::PackedWeights;

/// Interpreters of a real model, without a session around them.
class TfLiteInterpreterTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv(kLibraryVariable);
    if (path == nullptr) GTEST_SKIP() << kLibraryVariable << " is not set";
    ASSERT_TRUE(Library::Open(path, &library_).ok());
    if (!tflite::CanUseXnnpack(*library_)) GTEST_SKIP() << "no XNNPACK";
    for (const auto& file : TfLiteModels()) {
      if (file.filename() != "embedding_model.tflite") continue;
      ASSERT_TRUE(Model::Create(*library_, SourceOf(ReadFile(file)).bytes, false, &model_).ok());
      break;
    }
    if (model_ == nullptr) GTEST_SKIP() << "the model is not there";
    feeds_ = FeedsFor(model_->info().signatures[0], 3);
    for (const Feed& feed : feeds_) views_.push_back(&feed.view);
  }

  std::unique_ptr<Interpreter> Create(PackedWeights* weights = nullptr) const {
    InterpreterSettings settings{1, true, nullptr};
    if (weights != nullptr) {
      settings.weights = reinterpret_cast<TfLiteXNNPackDelegateWeightsCache*>(weights->provider());
    }
    std::unique_ptr<Interpreter> interpreter;
    EXPECT_TRUE(Interpreter::Create(*model_, settings, &interpreter).ok());
    EXPECT_TRUE(interpreter->SetShapes(0, views_).ok());
    return interpreter;
  }

  Bytes Run(Interpreter* interpreter) const {
    const Api& api = interpreter->api();
    const tflite::EntryRunner& runner = interpreter->runner(0);
    for (size_t index = 0; index < views_.size(); ++index) {
      std::memcpy(api.TensorData(runner.Input(index)), views_[index]->data,
                  views_[index]->byte_length);
    }
    EXPECT_EQ(runner.Invoke(), tflite::ApiStatus::kOk);
    const auto* data = static_cast<const uint8_t*>(api.TensorData(runner.Output(0)));
    return {data, data + api.TensorByteSize(runner.Output(0))};
  }

  using Api = tflite::Api;
  std::unique_ptr<Library> library_;
  std::unique_ptr<Model> model_;
  std::vector<Feed> feeds_;
  std::vector<const TensorView*> views_;
};

TEST_F(TfLiteInterpreterTest, PacksWeightsOnceForAll) {
  if (!tflite::CanProvideWeights(*library_)) GTEST_SKIP() << "another version";
  const Bytes expected = Run(Create().get());
  PackedWeights weights;
  auto first = Create(&weights);
  const size_t bytes = weights.bytes();
  // Most of the file is weights.
  EXPECT_GT(bytes, size_t{500'000});
  auto second = Create(&weights);
  auto third = Create(&weights);
  EXPECT_EQ(weights.bytes(), bytes);
  EXPECT_EQ(Run(first.get()), expected);
  EXPECT_EQ(Run(second.get()), expected);
  first.reset();
  EXPECT_EQ(Run(third.get()), expected);
  EXPECT_EQ(Run(second.get()), expected);
}

TEST(PackedWeightsTest, KeepsContentsOnce) {
  PackedWeights weights;
  const auto pack = [&](size_t bytes, uint8_t value) {
    void* memory = weights.Reserve(bytes);
    EXPECT_EQ(reinterpret_cast<uintptr_t>(memory) % kTensorAlignment, 0U);
    std::memset(memory, value, bytes);
    return weights.Keep(memory, bytes);
  };
  void* const ones = pack(100, 1);
  EXPECT_NE(pack(100, 2), ones);
  EXPECT_NE(pack(101, 1), ones);
  EXPECT_EQ(weights.bytes(), 301U);
  EXPECT_EQ(pack(100, 1), ones);
  EXPECT_EQ(weights.Keep(ones, 100), ones);
  EXPECT_EQ(weights.bytes(), 301U);
  // What was reserved and never kept is still somebody's.
  EXPECT_NE(weights.Reserve(5), nullptr);
  EXPECT_EQ(weights.bytes(), 306U);
  EXPECT_EQ(weights.Reserve(SIZE_MAX), nullptr);
}

#ifndef _WIN32
TEST_F(TfLiteInterpreterTest, PlacesWhatEndsWithAPageOnlyBeforeReadableMemory) {
  const auto interpreter = Create();
  const Api& api = interpreter->api();
  if (!interpreter->may_place()) GTEST_SKIP() << "this library cannot place tensors";
  const tflite::EntryRunner& runner = interpreter->runner(0);
  const Bytes expected = Run(Create().get());

  const size_t page = 65'536;
  void* const map =
      mmap(nullptr, 2 * page, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(map, MAP_FAILED);
  TensorView memory = feeds_[0].view;
  ASSERT_EQ(memory.byte_length % kTensorAlignment, 0U);
  memory.data = static_cast<uint8_t*>(map) + page - memory.byte_length;
  const auto place = [&] {
    return interpreter->placement().Place(runner.InputTensorIndex(0), runner.Input(0), memory);
  };
  EXPECT_FALSE(place());
  EXPECT_NE(api.TensorData(runner.Input(0)), memory.data);
  memory.readable_beyond = kReadBeyond - 1;
  EXPECT_FALSE(place());
  memory.readable_beyond = kReadBeyond;
  EXPECT_TRUE(place());
  EXPECT_EQ(api.TensorData(runner.Input(0)), memory.data);
  EXPECT_EQ(Run(interpreter.get()), expected);
  ASSERT_TRUE(interpreter->WithdrawAll().ok());
  EXPECT_NE(api.TensorData(runner.Input(0)), memory.data);
  munmap(map, 2 * page);
  EXPECT_EQ(Run(interpreter.get()), expected);
}
#endif

}  // namespace
}  // namespace onlite::testing
