#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/runtime.h"

namespace onlite::testing {

/// Environment that says where the real library and the real models are.
inline constexpr const char* kLibraryVariable = "ONLITE_TEST_TFLITE_LIBRARY";
inline constexpr const char* kModelsVariable = "ONLITE_TEST_MODELS";

using Bytes = std::vector<uint8_t>;

/// Every *.tflite below the directories in ONLITE_TEST_MODELS (":" between them).
inline std::vector<std::filesystem::path> TfLiteModels() {
  std::vector<std::filesystem::path> models;
  const char* value = std::getenv(kModelsVariable);
  std::string rest = value != nullptr ? value : "";
  while (!rest.empty()) {
    const size_t colon = rest.find(':');
    const std::string directory = rest.substr(0, colon);
    rest = colon == std::string::npos ? "" : rest.substr(colon + 1);
    if (!std::filesystem::is_directory(directory)) continue;
    for (const auto& entry : std::filesystem::recursive_directory_iterator(directory)) {
      if (entry.path().extension() == ".tflite") models.push_back(entry.path());
    }
  }
  return models;
}

inline Bytes ReadFile(const std::filesystem::path& path) {
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

inline ModelSource SourceOf(Bytes bytes) {
  auto owner = std::make_shared<const Bytes>(std::move(bytes));
  ModelSource source;
  source.bytes = {owner, owner->data(), owner->size()};
  return source;
}

/// A feed with memory of its own.
struct Feed {
  Feed(ElementType type, Dims dims) {
    view.type = type;
    view.dims = std::move(dims);
    if (type == ElementType::kString) {
      view.strings.resize(ElementCount(view.dims).value_or(0));
      return;
    }
    view.byte_length = TensorBytes(type, view.dims).value_or(0);
    memory = std::make_shared<Bytes>(view.byte_length + 1);
    view.data = memory->data();
  }

  template <typename T>
  T* data() {
    return reinterpret_cast<T*>(memory->data());
  }

  TensorView view;
  std::shared_ptr<Bytes> memory;
};

/// A deterministic pattern of small values.
inline void Fill(Feed* feed, uint32_t seed) {
  uint32_t state = seed * 2654435761U + 1;
  const auto next = [&state] { return state = state * 1664525U + 1013904223U; };
  if (feed->view.type == ElementType::kFloat32) {
    for (size_t index = 0; index < feed->view.byte_length / sizeof(float); ++index) {
      feed->data<float>()[index] = static_cast<float>(next() >> 16) / 65536.0F - 0.5F;
    }
    return;
  }
  for (size_t index = 0; index < feed->view.byte_length; ++index) {
    feed->data<uint8_t>()[index] =
        feed->view.type == ElementType::kBool ? (next() >> 31) : static_cast<uint8_t>(next() >> 24);
  }
}

/// Feeds for an entry point; dynamic dims become `dynamic`.
inline std::vector<Feed> FeedsFor(const SignatureInfo& signature, uint32_t seed,
                                  int64_t dynamic = 1) {
  std::vector<Feed> feeds;
  for (const ValueInfo& input : signature.inputs) {
    Dims dims = input.dims;
    for (int64_t& dim : dims) dim = dim < 0 ? dynamic : dim;
    feeds.emplace_back(input.type, dims);
    Fill(&feeds.back(), seed++);
  }
  return feeds;
}

/// A request for every output.
inline RunRequest RequestFor(const SignatureInfo& signature, const std::vector<Feed>& feeds,
                             size_t index = 0) {
  RunRequest request;
  request.signature = index;
  for (size_t at = 0; at < feeds.size(); ++at)
    request.inputs.push_back({at, feeds[at].view, false, {}});
  for (size_t at = 0; at < signature.outputs.size(); ++at) request.outputs.push_back({at, {}});
  return request;
}

inline Bytes OutputBytes(const Value& value) {
  const auto* data = static_cast<const uint8_t*>(value.tensor.data);
  return {data, data + value.tensor.byte_length};
}

/// Loads the real library once; the test is skipped where there is none.
class TfLiteTest : public ::testing::Test {
 protected:
  void SetUp() override {
    const char* library = std::getenv(kLibraryVariable);
    if (library == nullptr) GTEST_SKIP() << kLibraryVariable << " is not set";
    const Status loaded = TfLiteRuntime().Load({{library, kLibraryVariable}});
    ASSERT_TRUE(loaded.ok()) << loaded.message() << ": " << loaded.cause();
  }

  /// The first model whose path ends so; empty if there is none.
  static std::filesystem::path Find(const std::string& name) {
    for (const auto& path : TfLiteModels()) {
      if (path.string().ends_with(name)) return path;
    }
    return {};
  }

  /// Null if there is no such model.
  std::unique_ptr<Session> Open(const std::string& name, const SessionOptions& options = {}) {
    const std::filesystem::path path = Find(name);
    return path.empty() ? nullptr : OpenBytes(ReadFile(path), options);
  }

  std::unique_ptr<Session> OpenBytes(Bytes bytes, const SessionOptions& options = {}) {
    std::unique_ptr<Session> session;
    const Status status =
        TfLiteRuntime().CreateSession(SourceOf(std::move(bytes)), options, &session);
    EXPECT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    return session;
  }
};

}  // namespace onlite::testing
