#include <cstring>
#include <random>

#include "runtimes/tflite/model/verifier.h"
#include "tflite_support.h"

namespace onlite::testing {
namespace {

using tflite::VerifyModel;

TEST(TfLiteVerifierTest, RefusesWhatIsNoModel) {
  EXPECT_EQ(VerifyModel({}).code(), ErrorCode::kModelInvalid);
  const Bytes zeros(4096);
  EXPECT_NE(VerifyModel(zeros).message().find("TFL3"), std::string::npos);
  Bytes only_header = {8, 0, 0, 0, 'T', 'F', 'L', '3', 0, 0, 0, 0};
  EXPECT_EQ(VerifyModel(only_header).code(), ErrorCode::kModelInvalid);
  only_header[0] = 0xFC;
  EXPECT_EQ(VerifyModel(only_header).code(), ErrorCode::kModelInvalid);
}

TEST(TfLiteVerifierTest, SurvivesNoiseBehindTheIdentifier) {
  std::mt19937 random(1);
  for (int round = 0; round < 20000; ++round) {
    Bytes noise(8 + random() % 256);
    // Small words make offsets that stay inside, and so get far.
    for (uint8_t& byte : noise) byte = random() % 4 == 0 ? static_cast<uint8_t>(random() % 64) : 0;
    std::memcpy(noise.data() + 4, "TFL3", 4);
    EXPECT_EQ(VerifyModel(noise).code(), ErrorCode::kModelInvalid);
  }
}

TEST(TfLiteVerifierTest, AcceptsRealModelsAndNamesWhatIsWrong) {
  const auto models = TfLiteModels();
  if (models.empty()) GTEST_SKIP() << kModelsVariable << " names no models";
  std::mt19937 random(2);
  for (const auto& path : models) {
    const Bytes model = ReadFile(path);
    EXPECT_TRUE(VerifyModel(model).ok()) << path << ": " << VerifyModel(model).message();
    for (int round = 0; round < 300; ++round) {
      Bytes damaged = model;
      for (int change = 0; change < 8; ++change) {
        damaged[random() % damaged.size()] = static_cast<uint8_t>(random());
      }
      const Status status = VerifyModel(damaged);
      if (status.ok()) continue;
      EXPECT_EQ(status.code(), ErrorCode::kModelInvalid);
      EXPECT_NE(status.message().find(": "), std::string::npos);
    }
  }
}

/// The models that scripts of ours made, committed with the tests.
Bytes Fixture(const std::string& name) {
  return ReadFile(std::filesystem::path("test/fixtures/models") / name);
}

// Each was a crash in a kernel that copies by its own tensor's size.
TEST(TfLiteVerifierTest, VariablesHaveOneTypeAndShape) {
  Bytes accumulator = Fixture("accumulator.tflite");
  ASSERT_TRUE(VerifyModel(accumulator).ok()) << VerifyModel(accumulator).message();
  accumulator.at(1291) = 16;
  Status status = VerifyModel(accumulator);
  EXPECT_EQ(status.code(), ErrorCode::kModelInvalid);
  EXPECT_NE(status.message().find("the variable \"Variable\""), std::string::npos)
      << status.message();
  Bytes counter = Fixture("counter_signatures.tflite");
  ASSERT_TRUE(VerifyModel(counter).ok()) << VerifyModel(counter).message();
  counter.at(2220) = 2;
  status = VerifyModel(counter);
  EXPECT_EQ(status.code(), ErrorCode::kModelInvalid);
  EXPECT_NE(status.message().find("the variable"), std::string::npos) << status.message();
}

TEST(TfLiteVerifierTest, NoTensorIsLargerThanAConstantCanBe) {
  Bytes pooling = Fixture("pooling.tflite");
  ASSERT_TRUE(VerifyModel(pooling).ok()) << VerifyModel(pooling).message();
  pooling.at(1127) = 4;
  EXPECT_EQ(VerifyModel(pooling).code(), ErrorCode::kModelInvalid);
}

}  // namespace
}  // namespace onlite::testing
