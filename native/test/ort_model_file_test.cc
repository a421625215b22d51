#include <cstring>
#include <filesystem>
#include <fstream>

#include "ort_fixture.h"
#include "runtimes/model_file.h"

namespace onlite {
namespace {

namespace fs = std::filesystem;
namespace ob = onnx_builder;

constexpr int64_t kRows = 70'000;
constexpr int64_t kColumns = 256;

/// y = w[i], 68 MiB of weights in the model itself; the first is `first`.
std::string LargeModel(float first) {
  std::string raw(kRows * kColumns * sizeof(float), '\0');
  std::memcpy(raw.data(), &first, sizeof(first));
  return ob::Model({{ob::Node("Gather", {"w", "i"}, {"y"})},
                    {ob::NamedValue("i", ob::TensorType(ob::kInt64, {1}))},
                    {ob::NamedValue("y", ob::TensorType(ob::kFloat, {1, kColumns}))},
                    {ob::RawTensor("w", ob::kFloat, {kRows, kColumns}, raw)}});
}

class OrtModelFileTest : public OrtTest {
 protected:
  void SetUp() override {
    OrtTest::SetUp();
    fs::create_directories(folder_);
    source_.path = (folder_ / "large.onnx").string();
    Write(source_.path, LargeModel(1));
    ASSERT_TRUE(ReadModelFile(&source_).ok());
#ifdef __linux__
    ASSERT_NE(source_.file, nullptr);
#else
    GTEST_SKIP() << "models are given to the runtime as bytes here";
#endif
  }
  void TearDown() override {
    source_ = {};
    fs::remove_all(folder_);
  }

  static void Write(const std::string& path, const std::string& bytes) {
    std::ofstream(path, std::ios::binary) << bytes;
  }
  /// The first weight of the session that the source gives.
  float FirstWeight() const {
    std::unique_ptr<Session> session;
    const Status status = Create(source_, {}, &session);
    EXPECT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    if (session == nullptr) return -1;
    std::vector<int64_t> i = {0};
    RunResult result;
    EXPECT_TRUE(Run(session.get(), {View(ElementType::kInt64, {1}, &i)}, {{}}, &result).ok());
    return FloatsOf(result.outputs[0])[0];
  }

  const fs::path folder_ = fs::temp_directory_path() / "onlite-model-file";
  ModelSource source_;
};

TEST_F(OrtModelFileTest, IsLoadedByTheRuntimeItself) { EXPECT_EQ(FirstWeight(), 1); }

TEST_F(OrtModelFileTest, IsTheOneThatWasReadAlthoughItsNameHasAnother) {
  const std::string other = (folder_ / "other.onnx").string();
  Write(other, LargeModel(2));
  fs::rename(other, source_.path);
  EXPECT_EQ(FirstWeight(), 1);
}

TEST_F(OrtModelFileTest, IsRefusedIfItWasWrittenTo) {
  Write(source_.path, LargeModel(2));
  std::unique_ptr<Session> session;
  ExpectError(Create(source_, {}, &session), ErrorCode::kModelUnreadable, "was written to");
  EXPECT_EQ(session, nullptr);
}

TEST_F(OrtModelFileTest, IsNotKeptOpenIfItIsSmall) {
  Write(source_.path, "small");
  ModelSource small;
  small.path = source_.path;
  ASSERT_TRUE(ReadModelFile(&small).ok());
  EXPECT_EQ(small.file, nullptr);
  EXPECT_EQ(small.bytes.size, 5U);
}

}  // namespace
}  // namespace onlite
