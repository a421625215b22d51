#pragma once

#include <memory>
#include <span>
#include <vector>

#include "bind/batch_support.h"
#include "bind/session_jobs.h"
#include "core/batch_queue.h"

namespace onlite {

/// A run that may be a part of a batch. When the batch did not succeed it runs
/// by itself, so that each request has its own result or error.
class BatchedRunJob final : public RunJob, public BatchMember {
 public:
  /// `rows` is BatchRows of the request, not 0.
  BatchedRunJob(std::shared_ptr<SessionCore> core, std::unique_ptr<RunArguments> arguments,
                int64_t called_at, size_t rows);

  size_t rows() const override { return rows_; }
  bool JoinsWith(const BatchMember& other) const override;
  void RunTogether(std::span<BatchMember* const> members) override;
  Status Execute() override;

 private:
  using Members = std::vector<BatchedRunJob*>;

  void RunAs(const Members& members, CancelToken* cancel);
  bool Join(const Members& members, size_t rows, RunRequest* request,
            std::shared_ptr<uint8_t[]>* memory) const;

  const size_t rows_;
  bool has_result_ = false;
};

}  // namespace onlite
