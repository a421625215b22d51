#pragma once

#include <string>
#include <vector>

#include "runtimes/ort/handles.h"
#include "runtimes/runtime.h"

namespace onlite::ort {

/// A session over one OrtSession, whose Run is thread-safe.
class OrtModelSession final : public Session {
 public:
  /// `model` is what the session may go on reading; empty if it reads nothing.
  OrtModelSession(SessionInfo info, SharedBytes model, MemoryInfoHandle cpu, SessionHandle session);

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
  SessionInfo info_;
  /// Outputs that are inputs of the graph. ONNX Runtime gives those back and
  /// leaves memory given for them as it was, without an error.
  std::vector<bool> passed_through_;
  // Destroyed from the last to the first: the session before what it reads.
  SharedBytes model_;
  MemoryInfoHandle cpu_;
  SessionHandle session_;
};

}  // namespace onlite::ort
