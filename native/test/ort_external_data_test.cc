#include <filesystem>
#include <fstream>

#include "ort_fixture.h"

namespace onlite {
namespace {

namespace fs = std::filesystem;
namespace ob = onnx_builder;

using Entries = std::vector<std::pair<std::string, std::string>>;

const std::string kWeights("\x00\x00\x80\x3f\x00\x00\x00\x40", 8);  // 1, 2

/// y = x + w, where w is two floats somewhere else.
std::string ModelWith(const Entries& entries) {
  const std::string type = ob::TensorType(ob::kFloat, {2});
  return ob::Model({{ob::Node("Add", {"x", "w"}, {"y"})},
                    {ob::NamedValue("x", type)},
                    {ob::NamedValue("y", type)},
                    {ob::ExternalTensor("w", ob::kFloat, {2}, entries)}});
}

class OrtExternalDataTest : public OrtTest {
 protected:
  void SetUp() override {
    OrtTest::SetUp();
    root_ = fs::temp_directory_path() /
            ("onlite-external-" +
             std::string(testing::UnitTest::GetInstance()->current_test_info()->name()));
    fs::remove_all(root_);
    fs::create_directories(root_ / "model" / "sub");
    Write("model/weights.bin", kWeights);
    Write("model/sub/weights.bin", kWeights);
    Write("outside.bin", kWeights);
  }
  void TearDown() override { fs::remove_all(root_); }

  void Write(const std::string& name, const std::string& bytes) {
    std::ofstream(root_ / name, std::ios::binary) << bytes;
  }
  ModelSource FromFile(const Entries& entries) const {
    ModelSource source;
    source.bytes = Share(ModelWith(entries));
    source.path = (root_ / "model" / "model.onnx").string();
    return source;
  }
  static void ExpectWorks(const ModelSource& source) {
    std::unique_ptr<Session> session;
    const Status status = Create(source, {}, &session);
    ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    std::vector<float> x = {10, 20};
    RunResult result;
    ASSERT_TRUE(Run(session.get(), {Floats({2}, &x)}, {{}}, &result).ok());
    EXPECT_EQ(FloatsOf(result.outputs[0]), (std::vector<float>{11, 22}));
  }
  void ExpectRefused(const Entries& entries, const std::string& part) const {
    std::unique_ptr<Session> session;
    ExpectError(Create(FromFile(entries), {}, &session), ErrorCode::kModelInvalid, part);
  }

  fs::path root_;
};

TEST_F(OrtExternalDataTest, InTheModelsFolder) {
  ExpectWorks(FromFile({{"location", "weights.bin"}}));
  ExpectWorks(FromFile({{"location", "sub/weights.bin"}, {"offset", "0"}, {"length", "8"}}));
  std::unique_ptr<Session> session;
  ExpectError(Create(FromFile({{"location", "./weights.bin"}}), {}, &session),
              ErrorCode::kUnsupported, "only as 'weights.bin'");
  ModelSource mapped = FromFile({{"location", "weights.bin"}});
  mapped.map_files = true;
  ExpectWorks(mapped);
}

TEST_F(OrtExternalDataTest, AtAnOffset) {
  Write("model/packed.bin", std::string(4096, 'x') + kWeights);
  ExpectWorks(FromFile({{"location", "packed.bin"}, {"offset", "4096"}, {"length", "8"}}));
}

TEST_F(OrtExternalDataTest, PassedByTheCaller) {
  ModelSource source;
  source.bytes = Share(ModelWith({{"location", "w.bin"}}));
  source.external_data = {{"./w.bin", Share(kWeights)}};
  ExpectWorks(source);
  // What was passed comes before the folder.
  Write("model/w.bin", std::string(8, '\0'));
  source.path = (root_ / "model" / "model.onnx").string();
  ExpectWorks(source);
}

TEST_F(OrtExternalDataTest, MissingFromMemory) {
  ModelSource source;
  source.bytes = Share(ModelWith({{"location", "weights.bin"}}));
  std::unique_ptr<Session> session;
  ExpectError(Create(source, {}, &session), ErrorCode::kModelInvalid, "'weights.bin'");
}

TEST_F(OrtExternalDataTest, NeverOutsideTheFolder) {
  ExpectRefused({{"location", "nothing.bin"}}, "no such file");
  ExpectRefused({{"location", "../outside.bin"}}, "'..'");
  ExpectRefused({{"location", "sub/../../outside.bin"}}, "'..'");
  ExpectRefused({{"location", (root_ / "outside.bin").string()}}, "absolute");
  ExpectRefused({{"location", ""}}, "empty");
  ExpectRefused({{"location", "sub"}}, "regular");
  ExpectRefused({{"location", std::string("a\0b", 3)}}, "NUL");
  ExpectRefused({{"location", "*/_ORT_MEM_ADDR_/*"}, {"offset", "4096"}, {"length", "8"}}, "*/");
#ifndef _WIN32
  fs::create_symlink(root_ / "outside.bin", root_ / "model" / "link.bin");
  ExpectRefused({{"location", "link.bin"}}, "symbolic link");
  fs::create_directory_symlink(root_, root_ / "model" / "up");
  ExpectRefused({{"location", "up/outside.bin"}}, "symbolic link");
  fs::create_symlink(root_ / "model" / "weights.bin", root_ / "model" / "inner.bin");
  ExpectWorks(FromFile({{"location", "inner.bin"}}));
#endif
  fs::create_hard_link(root_ / "outside.bin", root_ / "model" / "hard.bin");
  ExpectRefused({{"location", "hard.bin"}}, "hard links");
}

TEST_F(OrtExternalDataTest, RangesOutsideTheFile) {
  ExpectRefused({{"location", "weights.bin"}, {"offset", "4"}}, "offset 4, the file has 8");
  ExpectRefused({{"location", "weights.bin"}, {"offset", "9223372036854775807"}}, "offset");
  ExpectRefused({{"location", "weights.bin"}, {"offset", "18446744073709551615"}}, "offset");
  ExpectRefused({{"location", "weights.bin"}, {"offset", "-1"}}, "offset");
  ExpectRefused({{"location", "weights.bin"}, {"offset", "1x"}}, "offset");
  ExpectRefused({{"location", "weights.bin"}, {"length", "16"}}, "16 bytes of external data");
  ExpectRefused({{"location", "weights.bin"}, {"location", "sub/weights.bin"}}, "two");
  ExpectRefused({{"offset", "0"}}, "without a location");
  Write("model/weights.bin", "");
  ExpectRefused({{"location", "weights.bin"}}, "the file has 0");
}

TEST_F(OrtExternalDataTest, ImpossibleTensors) {
  const std::string type = ob::TensorType(ob::kFloat, {2});
  const auto refused = [&](const std::string& tensor, const std::string& part) {
    ModelSource source = FromFile({});
    source.bytes = Share(ob::Model({{ob::Node("Add", {"x", "w"}, {"y"})},
                                    {ob::NamedValue("x", type)},
                                    {ob::NamedValue("y", type)},
                                    {tensor}}));
    std::unique_ptr<Session> session;
    ExpectError(Create(source, {}, &session), ErrorCode::kModelInvalid, part);
  };
  const Entries entries = {{"location", "weights.bin"}};
  const int64_t huge = int64_t{1} << 62;
  refused(ob::ExternalTensor("w", ob::kFloat, {huge, huge}, entries), "impossible");
  refused(ob::ExternalTensor("w", ob::kFloat, {-2}, entries), "impossible");
  refused(ob::ExternalTensor("w", ob::kString, {2}, entries), "impossible");
  refused(ob::ExternalTensor("w", 99, {2}, entries), "impossible");
  refused(ob::ExternalTensor("w", ob::kFloat, {int64_t{1} << 40}, entries), "the file has 8");
}

/// ONNX Runtime would look these up by itself, in the working directory.
TEST_F(OrtExternalDataTest, OnlyMainGraphInitializers) {
  const std::string type = ob::TensorType(ob::kFloat, {2});
  const std::string tensor =
      ob::ExternalTensor("w", ob::kFloat, {2}, {{"location", "weights.bin"}});
  ModelSource source = FromFile({});
  source.bytes =
      Share(ob::Model({{ob::Node("Constant", {}, {"w"}, {ob::TensorAttribute("value", tensor)}),
                        ob::Node("Add", {"x", "w"}, {"y"})},
                       {ob::NamedValue("x", type)},
                       {ob::NamedValue("y", type)},
                       {}}));
  std::unique_ptr<Session> session;
  ExpectError(Create(source, {}, &session), ErrorCode::kUnsupported, "main graph");

  const ob::Graph branch = {
      {ob::Node("Add", {"x", "w"}, {"z"})}, {}, {ob::NamedValue("z", type)}, {tensor}};
  source.bytes = Share(
      ob::Model({{ob::Node("If", {"c"}, {"y"},
                           {ob::GraphAttribute("then_branch", branch.Bytes()),
                            ob::GraphAttribute("else_branch", branch.Bytes())})},
                 {ob::NamedValue("x", type), ob::NamedValue("c", ob::TensorType(ob::kBool, {}))},
                 {ob::NamedValue("y", type)},
                 {}}));
  ExpectError(Create(source, {}, &session), ErrorCode::kUnsupported, "main graph");
}

}  // namespace
}  // namespace onlite
