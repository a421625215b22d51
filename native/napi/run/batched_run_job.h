#pragma once

#include <memory>
#include <vector>

#include "napi/session/session_jobs.h"
#include "session/batched_run.h"

namespace onlite {

/// A run with memory of its own that may be a part of a batch.
class BatchedRunJob final : public RunJob, public BatchedRun {
 public:
  /// `rows` is BatchRows of the request, not 0.
  BatchedRunJob(const std::shared_ptr<AttachedSession>& session,
                std::unique_ptr<RunArguments> arguments, int64_t called_at, size_t rows)
      : RunJob(session, std::move(arguments), called_at),
        BatchedRun(session->shared_core()),
        rows_(rows) {}

  size_t rows() const override { return rows_; }
  const RunRequest& request() const override { return arguments_->request; }
  CancelToken& token() override { return cancel; }

  void TakePart(std::vector<Value> outputs, size_t batch_rows, int64_t started,
                const RunTimes& times) override {
    queue_ns_ = started - called_at_;
    batch_rows_ = batch_rows;
    result_ = {std::move(outputs), times};
    has_part_ = true;
  }

  Status Execute() override {
    if (has_part_) return Status::Ok();
    batch_rows_ = rows_;
    ONLITE_RETURN_IF_ERROR(RunJob::Execute());
    CheckRows(result_.outputs);
    return Status::Ok();
  }

 private:
  const size_t rows_;
  bool has_part_ = false;
};

}  // namespace onlite
