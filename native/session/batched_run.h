#pragma once

#include <memory>
#include <span>
#include <vector>

#include "core/batch_queue.h"
#include "core/cancel_token.h"
#include "session/session_core.h"

namespace onlite {

/// A run that may be a part of a batch. When the batch did not succeed it has no
/// part and runs by itself, so that each request has its own result or error. Nor does
/// it when an output of the batch has other rows than the batch.
class BatchedRun : public BatchMember {
 public:
  explicit BatchedRun(std::shared_ptr<SessionCore> core) : core_(std::move(core)) {}

  bool JoinsWith(const BatchMember& other) const final;
  void RunTogether(std::span<BatchMember* const> members) final;

  /// The first dimension of every input is `rows()`; no output has memory.
  virtual const RunRequest& request() const = 0;
  virtual CancelToken& token() = 0;
  /// This run's rows of the outputs, in the order of the request's, the batch's rows
  /// without padding, when it began, and its times. On an executor thread.
  virtual void TakePart(std::vector<Value> outputs, size_t batch_rows, int64_t started,
                        const RunTimes& times) = 0;

 protected:
  ~BatchedRun() = default;  // owned by its task
  const std::shared_ptr<SessionCore>& core() const { return core_; }
  /// After a run by itself: a model that does not keep the rows is not batched again.
  void CheckRows(const std::vector<Value>& outputs) const;

 private:
  using Members = std::vector<BatchedRun*>;

  void RunAs(const Members& members, CancelToken* cancel);
  bool Join(const Members& members, size_t rows, RunRequest* request,
            std::shared_ptr<uint8_t[]>* memory) const;

  const std::shared_ptr<SessionCore> core_;
};

}  // namespace onlite
