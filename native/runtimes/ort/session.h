#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <vector>

#include "runtimes/ort/empty_tensors.h"
#include "runtimes/ort/graph_binding.h"
#include "runtimes/ort/handles.h"
#include "runtimes/ort/providers.h"
#include "runtimes/runtime.h"

namespace onlite::ort {

/// A session over one OrtSession, whose Run is thread-safe.
class OrtModelSession final : public Session {
 public:
  /// `read` is what the session may go on reading.
  OrtModelSession(const OrtEnv* env, SessionInfo info, EmptyTensorGuard guard,
                  std::vector<SharedBytes> read, MemoryInfoHandle cpu, SessionHandle session);
  ~OrtModelSession() override;

  const SessionInfo& info() const override { return info_; }
  Status Run(const RunRequest& request, RunResult* result) override;
  Status CreateBinding(size_t signature, std::unique_ptr<Binding>* binding) override;
  Status ResetVariables() override { return Status::Ok(); }
  Status Profile(const RunRequest& /*request*/, size_t /*runs*/,
                 OperatorProfile* /*profile*/) override {
    return {ErrorCode::kUnsupported, "ONNX Runtime profiles single runs"};
  }
  Status EndProfiling(std::string* file) override;

 private:
  /// What is known of an output's shape. ONNX Runtime only warns of a result of
  /// another shape than the model declares, but fails where it has memory for
  /// the declared one. So nothing flexible is given before a first result.
  enum class Shape : uint8_t { kUnknown, kAsDeclared, kOther };

  /// Which of the request's outputs ONNX Runtime writes into the given memory;
  /// to the others' memory results are copied.
  std::vector<bool> GivenOutputs(const RunRequest& request) const;
  void LearnShape(size_t index, const TensorView& result);
  Status RunOnce(const RunRequest& request, const std::vector<bool>& given, int64_t started,
                 RunResult* result);

  const OrtEnv* const env_;
  SessionInfo info_;
  const ProviderTraits traits_;
  const EmptyTensorGuard guard_;
  /// Outputs that are inputs of the graph. ONNX Runtime gives those back and
  /// leaves memory given for them as it was, without an error.
  std::vector<bool> passed_through_;
  std::vector<std::atomic<Shape>> shapes_;
  Graphs graphs_;
  // Destroyed from the last to the first: the session before what it reads.
  std::vector<SharedBytes> read_;
  MemoryInfoHandle cpu_;
  SessionHandle session_;
};

}  // namespace onlite::ort
