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
  ExpectWorks(FromFile({{"location", "./weights.bin"}}));
  ExpectWorks(FromFile({{"location", "sub//weights.bin"}}));
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
}

TEST_F(OrtExternalDataTest, HardLinksAreFilesLikeOthers) {
  fs::create_hard_link(root_ / "outside.bin", root_ / "model" / "hard.bin");
  ModelSource source = FromFile({{"location", "hard.bin"}});
  ExpectWorks(source);
  source.external_data_links = false;
  std::unique_ptr<Session> session;
  ExpectError(Create(source, {}, &session), ErrorCode::kModelInvalid, "hard links");
}

#ifndef _WIN32
/// As in Hugging Face's cache.
TEST_F(OrtExternalDataTest, InTheFolderOfTheModelsRealPath) {
  fs::create_directories(root_ / "blobs");
  fs::create_directories(root_ / "snapshot");
  const Entries entries = {{"location", "model.onnx_data"}};
  Write("blobs/a3f0", ModelWith(entries));
  Write("blobs/b7c1", kWeights);
  fs::create_symlink("../blobs/a3f0", root_ / "snapshot" / "model.onnx");
  fs::create_symlink("../blobs/b7c1", root_ / "snapshot" / "model.onnx_data");
  ModelSource source = FromFile(entries);
  source.path = (root_ / "snapshot" / "model.onnx").string();
  ExpectWorks(source);
  source.external_data_links = false;
  std::unique_ptr<Session> session;
  ExpectError(Create(source, {}, &session), ErrorCode::kModelInvalid, "a symbolic link");

  // The links of the data alone lead nowhere the model is.
  source.external_data_links = true;
  source.path = (root_ / "snapshot" / "copy.onnx").string();
  Write("snapshot/copy.onnx", ModelWith(entries));
  ExpectError(Create(source, {}, &session), ErrorCode::kModelInvalid, "leads out");
}

TEST_F(OrtExternalDataTest, WithoutLinks) {
  ModelSource source = FromFile({{"location", "./sub//weights.bin"}});
  source.external_data_links = false;
  ExpectWorks(source);
  fs::create_symlink(root_ / "model" / "weights.bin", root_ / "model" / "inner.bin");
  source.bytes = Share(ModelWith({{"location", "inner.bin"}}));
  std::unique_ptr<Session> session;
  ExpectError(Create(source, {}, &session), ErrorCode::kModelInvalid, "a symbolic link");
}
#endif

TEST_F(OrtExternalDataTest, InTheFolderThatTheUserNames) {
  ModelSource source;
  source.bytes = Share(ModelWith({{"location", "weights.bin"}}));
  SessionOptions options;
  options.config_entries = {
      {"session.model_external_initializers_file_folder_path", (root_ / "model" / "sub").string()}};
  std::unique_ptr<Session> session;
  const Status status = Create(source, options, &session);
  EXPECT_TRUE(status.ok()) << status.message() << ": " << status.cause();
  options.config_entries[0].second = (root_ / "nowhere").string();
  ExpectError(Create(source, options, &session), ErrorCode::kInvalidArgument, "no such folder");
  source.bytes = Share(ModelWith({{"location", "../weights.bin"}}));
  options.config_entries[0].second = (root_ / "model" / "sub").string();
  ExpectError(Create(source, options, &session), ErrorCode::kModelInvalid, "'..'");
}

/// At an offset that is not aligned: the bytes are copied to where they are.
TEST_F(OrtExternalDataTest, PassedAtAnOddOffset) {
  ModelSource source;
  source.bytes = Share(ModelWith({{"location", "w.bin"}, {"offset", "3"}, {"length", "8"}}));
  source.external_data = {{"w.bin", Share("xyz" + kWeights)}};
  ExpectWorks(source);
  source.external_data = {{"w.bin", Share("xy" + kWeights)}};
  std::unique_ptr<Session> session;
  ExpectError(Create(source, {}, &session), ErrorCode::kModelInvalid, "offset 3");
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

/// From the folder ONNX Runtime reads what it cannot be given: it would look that
/// up in the working directory by itself.
TEST_F(OrtExternalDataTest, ConstantsAndSubgraphs) {
  const std::string type = ob::TensorType(ob::kFloat, {2});
  const std::string tensor =
      ob::ExternalTensor("w", ob::kFloat, {2}, {{"location", "weights.bin"}});
  const std::string constant =
      ob::Model({{ob::Node("Constant", {}, {"w"}, {ob::TensorAttribute("value", tensor)}),
                  ob::Node("Add", {"x", "w"}, {"y"})},
                 {ob::NamedValue("x", type)},
                 {ob::NamedValue("y", type)},
                 {}});
  const ob::Graph branch = {
      {ob::Node("Add", {"x", "w"}, {"z"})}, {}, {ob::NamedValue("z", type)}, {tensor}};
  const std::string conditional =
      ob::Model({{ob::Node("If", {"c"}, {"y"},
                           {ob::GraphAttribute("then_branch", branch.Bytes()),
                            ob::GraphAttribute("else_branch", branch.Bytes())})},
                 {ob::NamedValue("x", type), ob::NamedValue("c", ob::TensorType(ob::kBool, {}))},
                 {ob::NamedValue("y", type)},
                 {}});
  for (const std::string& model : {constant, conditional}) {
    ModelSource source = FromFile({});
    source.bytes = Share(model);
    std::unique_ptr<Session> session;
    const Status status = Create(source, {}, &session);
    ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    std::vector<float> x = {10, 20};
    std::vector<uint8_t> c = {1};
    std::vector<TensorView> feeds = {Floats({2}, &x)};
    if (session->info().signatures[0].inputs.size() > 1) {
      feeds.push_back(View(ElementType::kBool, {}, &c));
    }
    RunResult result;
    ASSERT_TRUE(Run(session.get(), feeds, {{}}, &result).ok());
    EXPECT_EQ(FloatsOf(result.outputs[0]), (std::vector<float>{11, 22}));

    source.external_data = {{"weights.bin", Share(kWeights)}};
    ExpectError(Create(source, {}, &session), ErrorCode::kUnsupported, "main graph");
    source.external_data.clear();
    source.path.clear();
    ExpectError(Create(source, {}, &session), ErrorCode::kModelInvalid, "'weights.bin'");
  }
}

}  // namespace
}  // namespace onlite
