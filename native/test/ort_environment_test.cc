// A process of its own: somebody else makes the library's environment first.
#include "ort_fixture.h"
#include "runtimes/dynamic_library.h"
#include "runtimes/ort/api.h"

namespace onlite {
namespace {

namespace ob = onnx_builder;

TEST(OrtEnvironmentTest, LivesWithAnEnvironmentThatHasNoPools) {
  const char* path = std::getenv("ONLITE_TEST_ORT_LIBRARY");
  if (path == nullptr) GTEST_SKIP() << "ONLITE_TEST_ORT_LIBRARY is not set";

  std::unique_ptr<Session> session;
  ModelSource source;
  source.bytes = Share(ob::AddModel({2}));
  ExpectError(OnnxRuntime().CreateSession(source, {}, &session), ErrorCode::kRuntimeNotFound,
              "not been loaded");
  ExpectError(OnnxRuntime().Load({}), ErrorCode::kRuntimeNotFound, "no place");

  // As onnxruntime-node does: CreateEnv, slot 3 of the table.
  std::unique_ptr<DynamicLibrary> library;
  ASSERT_TRUE(DynamicLibrary::Open(path, &library).ok());
  ort::GetApiBaseFunction* get_api_base = nullptr;
  ASSERT_TRUE(library->Resolve("OrtGetApiBase", &get_api_base));
  const auto* table = static_cast<void* const*>(get_api_base()->GetApi(ort::kMinimumApiVersion));
  using CreateEnv = OrtStatus*(ONLITE_ORT_CALL*)(int, const char*, OrtEnv**);
  OrtEnv* other = nullptr;
  ASSERT_EQ(reinterpret_cast<CreateEnv>(table[3])(ort::kLogError, "other", &other), nullptr);

#ifdef _WIN32
  const std::string not_ort = "kernel32.dll";
#else
  const std::string not_ort = "libdl.so.2";
#endif
  const Status status =
      OnnxRuntime().Load({{"nowhere/libonnxruntime.so", "A"}, {not_ort, "B"}, {path, "C"}});
  ASSERT_TRUE(status.ok()) << status.message();
  const RuntimeDescription description = OnnxRuntime().Describe();
  EXPECT_EQ(description.thread_pools, "per-session");
  EXPECT_EQ(description.origin, "C");
  ASSERT_EQ(description.tried.size(), 3U);
  EXPECT_FALSE(description.tried[0].error.empty());
  EXPECT_FALSE(description.tried[1].error.empty());
  EXPECT_TRUE(description.tried[2].error.empty());

  ASSERT_TRUE(OnnxRuntime().CreateSession(source, {}, &session).ok());
  std::vector<float> a = {1, 2};
  RunRequest request;
  request.inputs = {{0, Floats({2}, &a), false, {}}, {1, Floats({2}, &a), false, {}}};
  request.outputs = {{0, {}}};
  RunResult result;
  ASSERT_TRUE(session->Run(request, &result).ok());
  EXPECT_EQ(FloatsOf(result.outputs[0]), (std::vector<float>{2, 4}));

  // Its owner may release the other environment: ours goes on.
  using ReleaseEnv = void(ONLITE_ORT_CALL*)(OrtEnv*);
  reinterpret_cast<ReleaseEnv>(table[92])(other);
  ASSERT_TRUE(OnnxRuntime().CreateSession(source, {}, &session).ok());
  EXPECT_TRUE(session->Run(request, &result).ok());
}

}  // namespace
}  // namespace onlite
