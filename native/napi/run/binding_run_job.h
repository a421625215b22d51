#pragma once

#include <memory>
#include <optional>
#include <vector>

#include "napi/environment/job.h"
#include "session/attached_session.h"
#include "session/batched_run.h"
#include "session/binding_core.h"

namespace onlite {

class NativeBinding;

/// The asynchronous runs of a binding, one after the other. Each may be a part of a batch
/// if the binding has rows (BindingCore).
class BindingRunJob final : public Job, public BatchedRun {
 public:
  /// `binding` keeps itself alive until the job is its own again.
  BindingRunJob(NativeBinding* binding, const std::shared_ptr<BindingCore>& core);

  /// Before each run. JS thread.
  void Prepare(int64_t called_at, size_t copied_bytes);

  size_t rows() const override { return core_->rows; }
  const RunRequest& request() const override { return core_->request; }
  CancelToken& token() override { return cancel; }
  void TakePart(std::vector<Value> outputs, size_t batch_rows, int64_t started,
                const RunTimes& times) override;

  bool UsesCallersMemory() const override { return true; }
  size_t waiting_bytes() const override { return copied_bytes_; }
  Status Execute() override;
  Napi::Value Result(Napi::Env env) override;
  void Failed(ErrorCode code) override;
  void Abandoned() override;
  void Settled(Napi::Env env) override;
  void Retire(std::unique_ptr<Job> self) override;

 private:
  NativeBinding* const binding_;
  const std::shared_ptr<BindingCore> core_;
  int64_t called_at_ = 0;
  size_t copied_bytes_ = 0;
  int64_t queue_ns_ = 0;
  RunTimes times_;
  /// As of RunRecord.
  size_t batch_rows_ = 0;
  bool has_part_ = false;
  /// Of the run under way.
  std::optional<Undelivered> undelivered_;
  /// What is not in the bound memory: as SessionCore::TakeOutputs gives it.
  std::vector<Value> outputs_;
  bool finished_ = false;
};

/// Such outputs for JavaScript: an array, or nothing if there are none.
Napi::Value UnboundOutputsToJs(Napi::Env env, const std::vector<Value>& outputs);

}  // namespace onlite
