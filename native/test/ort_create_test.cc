#include <filesystem>
#include <fstream>
#include <random>

#include "ort_fixture.h"

namespace onlite {
namespace {

namespace fs = std::filesystem;
namespace ob = onnx_builder;

class OrtCreateTest : public OrtTest {};

TEST_F(OrtCreateTest, Metadata) {
  const std::string extra =
      (ob::Text(4, "domain.example") + ob::Int(5, 42) + ob::Text(6, "what it does") +
       ob::Text(14, ob::Text(1, "key") + ob::Text(2, "value")));
  const std::string type = ob::TensorType(ob::kFloat, {1});
  const ob::Graph graph = {{ob::Node("Neg", {"x"}, {"y"})},
                           {ob::NamedValue("x", type)},
                           {ob::NamedValue("y", type)},
                           {}};
  const auto session = MustCreate(ob::Model(graph, 21, extra));
  const ModelMetadata& metadata = session->info().metadata;
  EXPECT_EQ(metadata.producer, "onlite-test");
  EXPECT_EQ(metadata.graph_name, "test graph");
  EXPECT_EQ(metadata.domain, "domain.example");
  EXPECT_EQ(metadata.description, "what it does");
  EXPECT_EQ(metadata.version, 42);
  EXPECT_EQ(metadata.custom, (std::map<std::string, std::string>{{"key", "value"}}));
  EXPECT_EQ(MustCreate(ob::Model(graph))->info().metadata.version, 0);
  EXPECT_EQ(session->info().providers, (std::vector<std::string>{"cpu"}));
  EXPECT_EQ(session->info().engine, Engine::kOnnxRuntime);
}

TEST_F(OrtCreateTest, EveryOption) {
  const fs::path folder = fs::temp_directory_path() / "onlite-ort-create";
  fs::create_directories(folder);
  SessionOptions options;
  options.intra_op_threads = 2;
  options.inter_op_threads = 2;
  options.parallel_execution = true;
  options.graph_optimization_level = 99;
  options.cpu_mem_arena = false;
  options.mem_pattern = false;
  options.optimized_model_path = (folder / "optimized.onnx").string();
  options.profile_prefix = (folder / "profile").string();
  options.log_id = "id";
  options.log_severity = 3;
  options.log_verbosity = 1;
  options.providers = {{"cpu", {{"useArena", "0"}}}};
  options.free_dimension_overrides = {{"batch", 2}};
  options.config_entries = {{"session.set_denormal_as_zero", "1"}};
  const auto session = MustCreate(ob::AddModel({"batch", 2}), options);
  ASSERT_NE(session, nullptr);
  EXPECT_EQ(session->info().signatures[0].inputs[0].dims, (Dims{2, 2}));
  EXPECT_TRUE(fs::exists(options.optimized_model_path));
  std::vector<float> a = {1, 2, 3, 4};
  RunResult result;
  ASSERT_TRUE(Run(session.get(), {Floats({2, 2}, &a), Floats({2, 2}, &a)}, {{}}, &result).ok());
  std::string file;
  ASSERT_TRUE(session->EndProfiling(&file).ok());
  EXPECT_TRUE(fs::exists(file));
  fs::remove_all(folder);
}

TEST_F(OrtCreateTest, ProfilingThatIsOff) {
  std::string file;
  ExpectError(MustCreate(ob::AddModel({1}))->EndProfiling(&file), ErrorCode::kUnsupported,
              "profiling");
}

TEST_F(OrtCreateTest, UnknownFreeDimension) {
  SessionOptions options;
  options.free_dimension_overrides = {{"btach", 2}};
  std::unique_ptr<Session> session;
  ExpectError(Create(ob::AddModel({"batch", "time"}), &session, options),
              ErrorCode::kInvalidArgument, "only 'batch', 'time'");
  options.free_dimension_overrides = {{"batch", 0}};
  ExpectError(Create(ob::AddModel({"batch"}), &session, options), ErrorCode::kInvalidArgument,
              "1 or more");
}

TEST_F(OrtCreateTest, Providers) {
  std::unique_ptr<Session> session;
  SessionOptions options;
  options.providers = {{"nonsense", {}}};
  ExpectError(Create(ob::AddModel({1}), &session, options), ErrorCode::kProviderUnavailable,
              "executionProviders[0]");
  options.providers = {{"nonsense", {}}, {"cpu", {}}};
  ASSERT_TRUE(Create(ob::AddModel({1}), &session, options).ok());
  EXPECT_EQ(session->info().providers, (std::vector<std::string>{"cpu"}));
  options.providers = {{"cpu", {{"arena", "1"}}}};
  ExpectError(Create(ob::AddModel({1}), &session, options), ErrorCode::kInvalidArgument,
              "executionProviders[0].arena");
  options.providers = {{"cpu", {{"useArena", "maybe"}}}};
  ExpectError(Create(ob::AddModel({1}), &session, options), ErrorCode::kInvalidArgument,
              "executionProviders[0].useArena");
}

/// What the library lists may still not work on this machine: then it is an
/// error, or the next one serves; never a crash.
TEST_F(OrtCreateTest, ListedProvidersWorkOrAreUnavailable) {
  for (const std::string& name : OnnxRuntime().Describe().providers) {
    SCOPED_TRACE(name);
    SessionOptions options;
    options.providers = {{name, {}}};
    std::unique_ptr<Session> session;
    const Status status = Create(ob::AddModel({4}), &session, options);
    if (!status.ok()) {
      EXPECT_STREQ(ErrorCodeName(status.code()), "ERR_PROVIDER_UNAVAILABLE") << status.message();
      EXPECT_FALSE(status.cause().empty());
    }
    options.providers.push_back({"cpu", {}});
    const Status with_fallback = Create(ob::AddModel({4}), &session, options);
    ASSERT_TRUE(with_fallback.ok()) << with_fallback.message() << with_fallback.cause();
    EXPECT_EQ(session->info().providers.back(), "cpu");
  }
}

TEST_F(OrtCreateTest, ProviderFallbackDoesNotHideABadModel) {
  SessionOptions options;
  options.providers = {{"nonsense", {}}, {"cpu", {}}};
  std::unique_ptr<Session> session;
  ExpectError(Create(ob::UnaryModel("NoSuchOperator", ob::kFloat, {1}), &session, options),
              ErrorCode::kModelInvalid, "NoSuchOperator");
}

TEST_F(OrtCreateTest, NotAModel) {
  std::unique_ptr<Session> session;
  for (const std::string& bytes :
       {std::string(), std::string("x"), std::string(100, '\0'), std::string("\x08\x08", 2),
        std::string("....ORTM...................."), std::string(5000, '\xff')}) {
    const Status status = Create(bytes, &session);
    EXPECT_STREQ(ErrorCodeName(status.code()), "ERR_MODEL_INVALID") << status.message();
  }
}

TEST_F(OrtCreateTest, DeepNesting) {
  ob::Graph graph = {{ob::Node("Neg", {"x"}, {"y"})}, {}, {}, {}};
  for (int depth = 0; depth < 2000; ++depth) {
    graph = {{ob::Node("If", {"c"}, {"y"}, {ob::GraphAttribute("then_branch", graph.Bytes())})},
             {},
             {},
             {}};
  }
  std::unique_ptr<Session> session;
  ExpectError(Create(ob::Model(graph), &session), ErrorCode::kModelInvalid, "too deeply");
}

TEST_F(OrtCreateTest, DamagedModels) {
  const std::string good = ob::AddModel({"batch", 3});
  std::mt19937 random(7);
  std::unique_ptr<Session> session;
  SessionOptions options;
  options.log_severity = 4;
  for (size_t length = 0; length < good.size(); ++length) {
    EXPECT_FALSE(Create(good.substr(0, length), &session, options).ok()) << length;
  }
  for (int round = 0; round < 400; ++round) {
    std::string bytes = good;
    bytes[random() % bytes.size()] = static_cast<char>(random());
    const Status status = Create(bytes, &session, options);
    EXPECT_TRUE(status.ok() || !status.message().empty());
  }
}

}  // namespace
}  // namespace onlite
