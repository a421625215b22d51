#pragma once

#include <gtest/gtest.h>

#include <cstdlib>
#include <memory>
#include <string>
#include <vector>

#include "onnx_builder.h"
#include "runtimes/runtime.h"

namespace onlite {

inline SharedBytes Share(const std::string& bytes) {
  const auto owner = std::make_shared<std::string>(bytes);
  return {owner, reinterpret_cast<const uint8_t*>(owner->data()), owner->size()};
}

template <typename T>
TensorView View(ElementType type, Dims dims, std::vector<T>* data) {
  return {type, std::move(dims), data->data(), data->size() * sizeof(T), {}};
}
inline TensorView Floats(Dims dims, std::vector<float>* data) {
  return View(ElementType::kFloat32, std::move(dims), data);
}
inline std::vector<float> FloatsOf(const Value& value) {
  const auto* data = static_cast<const float*>(value.tensor.data);
  return {data, data + value.tensor.byte_length / sizeof(float)};
}

/// Tests against the library that ONLITE_TEST_ORT_LIBRARY names.
class OrtTest : public testing::Test {
 protected:
  void SetUp() override {
    const char* path = std::getenv("ONLITE_TEST_ORT_LIBRARY");
    if (path == nullptr) GTEST_SKIP() << "ONLITE_TEST_ORT_LIBRARY is not set";
    const Status status = OnnxRuntime().Load({{path, "test"}});
    ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
  }

  static Status Create(const ModelSource& source, const SessionOptions& options,
                       std::unique_ptr<Session>* session) {
    return OnnxRuntime().CreateSession(source, options, session);
  }
  static Status Create(const std::string& model, std::unique_ptr<Session>* session,
                       const SessionOptions& options = {}) {
    ModelSource source;
    source.bytes = Share(model);
    return Create(source, options, session);
  }
  /// The session, or null and a failed test.
  static std::unique_ptr<Session> MustCreate(const std::string& model,
                                             const SessionOptions& options = {}) {
    std::unique_ptr<Session> session;
    const Status status = Create(model, &session, options);
    EXPECT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    return session;
  }
  /// Runs with inputs and outputs by position.
  static Status Run(Session* session, std::vector<TensorView> inputs,
                    std::vector<TensorView> outputs, RunResult* result) {
    RunRequest request;
    for (size_t index = 0; index < inputs.size(); ++index) {
      request.inputs.push_back({index, std::move(inputs[index]), false, {}});
    }
    for (size_t index = 0; index < outputs.size(); ++index) {
      request.outputs.push_back({index, std::move(outputs[index])});
    }
    return session->Run(request, result);
  }
};

inline void ExpectError(const Status& status, ErrorCode code, const std::string& part) {
  EXPECT_STREQ(ErrorCodeName(status.code()), ErrorCodeName(code));
  EXPECT_NE((status.message() + " | " + status.cause()).find(part), std::string::npos)
      << "message: " << status.message() << "\ncause: " << status.cause()
      << "\nexpected to hold: " << part;
}

}  // namespace onlite
