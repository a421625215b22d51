#include "session/batched_run.h"

#include <atomic>
#include <utility>

#include "core/batch_tensors.h"

namespace onlite {
namespace {

/// For as long as a batch runs: those that have not been cancelled, and the
/// token that stops the batch when every one of them has.
class ArmedMembers {
 public:
  explicit ArmedMembers(std::span<BatchMember* const> members) {
    armed_.reserve(members.size());
    // One more, so that nothing stops before all are counted.
    left_ = members.size() + 1;
    for (BatchMember* member : members) {
      auto* const run = static_cast<BatchedRun*>(member);
      if (run->token().ArmShared([this] { Left(); })) {
        armed_.push_back(run);
      } else {
        Left();
      }
    }
    Left();
  }
  ArmedMembers(const ArmedMembers&) = delete;
  ArmedMembers& operator=(const ArmedMembers&) = delete;
  ~ArmedMembers() {
    for (BatchedRun* run : armed_) static_cast<void>(run->token().Disarm());
  }

  const std::vector<BatchedRun*>& runs() const { return armed_; }
  CancelToken* batch() { return &batch_; }

 private:
  void Left() {
    if (--left_ == 0) batch_.Cancel();
  }

  std::vector<BatchedRun*> armed_;
  std::atomic<size_t> left_{0};
  CancelToken batch_;
};

}  // namespace

void BatchedRun::CheckRows(const std::vector<Value>& outputs) const {
  for (const Value& output : outputs) {
    const Dims& dims = output.tensor.dims;
    if (dims.empty() || dims[0] != static_cast<int64_t>(rows())) core_->keeps_rows = false;
  }
}

bool BatchedRun::JoinsWith(const BatchMember& other) const {
  const RunRequest& mine = request();
  const RunRequest& theirs = static_cast<const BatchedRun&>(other).request();
  if (mine.signature != theirs.signature || mine.inputs.size() != theirs.inputs.size() ||
      mine.outputs.size() != theirs.outputs.size()) {
    return false;
  }
  for (size_t index = 0; index < mine.inputs.size(); ++index) {
    // Ranks and types are the model's, in each of them.
    const RunInput& one = mine.inputs[index];
    const RunInput& another = theirs.inputs[index];
    if (one.index != another.index) return false;
    for (size_t axis = 1; axis < one.tensor.dims.size(); ++axis) {
      if (one.tensor.dims[axis] != another.tensor.dims[axis]) return false;
    }
  }
  for (size_t index = 0; index < mine.outputs.size(); ++index) {
    if (mine.outputs[index].index != theirs.outputs[index].index) return false;
  }
  return true;
}

void BatchedRun::RunTogether(std::span<BatchMember* const> members) {
  if (!core_->session || !core_->keeps_rows) return;
  ArmedMembers armed(members);
  const Members& runs = armed.runs();
  if (runs.empty()) return;
  // As they are: a batch of one needs nothing of this, unless it is padded.
  if (runs.size() == 1) {
    const size_t rows = runs[0]->rows();
    if (PaddedRows(rows, core_->batches->options().allowed_sizes) == rows) return;
  }
  RunAs(runs, armed.batch());
}

void BatchedRun::RunAs(const Members& members, CancelToken* cancel) {
  const int64_t started = MonotonicNow();
  std::vector<size_t> counts;
  counts.reserve(members.size());
  size_t total = 0;
  for (const BatchedRun* member : members) {
    counts.push_back(member->rows());
    total += member->rows();
  }
  const size_t rows = PaddedRows(total, core_->batches->options().allowed_sizes);
  RunRequest request;
  std::shared_ptr<uint8_t[]> inputs;
  if (!Join(members, rows, &request, &inputs)) return;
  request.cancel = cancel;
  const int64_t joined = MonotonicNow();
  RunResult result;
  if (!core_->session->Run(request, &result).ok()) return;

  const int64_t taken = MonotonicNow();
  std::vector<std::vector<Value>> parts(result.outputs.size());
  for (size_t output = 0; output < parts.size(); ++output) {
    parts[output].reserve(members.size());
    if (SplitRows(result.outputs[output], rows, counts, inputs, &parts[output])) continue;
    core_->keeps_rows = false;
    return;
  }
  result.times.bind_ns += joined - started;
  result.times.fetch_ns += MonotonicNow() - taken;
  for (size_t index = 0; index < members.size(); ++index) {
    std::vector<Value> outputs;
    outputs.reserve(parts.size());
    for (std::vector<Value>& part : parts) outputs.push_back(std::move(part[index]));
    members[index]->TakePart(std::move(outputs), total, started, result.times);
  }
}

bool BatchedRun::Join(const Members& members, size_t rows, RunRequest* request,
                      std::shared_ptr<uint8_t[]>* memory) const {
  std::vector<std::vector<const TensorView*>> tensors(members.size());
  for (size_t index = 0; index < members.size(); ++index) {
    const RunRequest& part = members[index]->request();
    tensors[index].reserve(part.inputs.size());
    for (const RunInput& input : part.inputs) tensors[index].push_back(&input.tensor);
  }
  JoinedTensors joined;
  if (!JoinRows(tensors, rows, &joined)) return false;
  const RunRequest& first = this->request();
  request->signature = first.signature;
  request->outputs = first.outputs;
  for (size_t index = 0; index < joined.tensors.size(); ++index) {
    RunInput& input = request->inputs.emplace_back();
    input.index = first.inputs[index].index;
    input.tensor = std::move(joined.tensors[index]);
  }
  *memory = std::move(joined.memory);
  return true;
}

}  // namespace onlite
