#include "core/batch_queue.h"

#include <algorithm>
#include <exception>
#include <new>
#include <string>
#include <utility>

namespace onlite {
namespace {

/// Open batches that a request is compared with: of a model fed with ever other
/// shapes many could be open.
constexpr size_t kComparedBatches = 16;

/// Tags of batches begin above those of requests, in the same task queue.
constexpr uint64_t kFirstTag = uint64_t{1} << 63;

BatchQueue::Sizes Difference(const BatchQueue::Sizes& now, const BatchQueue::Sizes& before) {
  BatchQueue::Sizes difference;
  for (const auto& [rows, count] : now) {
    const auto found = before.find(rows);
    const uint64_t more = count - (found == before.end() ? 0 : found->second);
    if (more > 0) difference.emplace(rows, more);
  }
  return difference;
}

}  // namespace

class BatchQueue::BatchTask final : public Task {
 public:
  /// Before it is queued.
  void Belong(std::shared_ptr<BatchQueue> queue, std::shared_ptr<Batch> batch) {
    queue_ = std::move(queue);
    batch_ = std::move(batch);
  }

  void Run() override {
    items_ = queue_->Start(batch_);
    if (items_.empty()) return;
    RunTogether();
    for (const Item& item : items_) item.task->Run();
    queue_->Ended();
  }

  std::unique_ptr<Task> Finished(std::unique_ptr<Task> self) override {
    for (Item& item : items_) {
      Task& task = *item.task;
      item.task = task.Finished(std::move(item.task));
    }
    return self;
  }

 private:
  void RunTogether() {
    try {
      std::vector<BatchMember*> members;
      members.reserve(items_.size());
      for (const Item& item : items_) members.push_back(item.member);
      members.front()->RunTogether(members);
    } catch (const std::exception&) {
      // Out of memory, in practice: each member runs on its own.
    }
  }

  std::shared_ptr<BatchQueue> queue_;
  std::shared_ptr<Batch> batch_;
  std::vector<Item> items_;
};

BatchQueue::BatchQueue(std::shared_ptr<TaskQueue> queue, size_t concurrency, size_t max_waiting,
                       size_t max_waiting_bytes, BatchOptions options)
    : queue_(std::move(queue)),
      concurrency_(concurrency),
      max_waiting_(max_waiting),
      max_waiting_bytes_(max_waiting_bytes),
      options_(std::move(options)),
      last_tag_(kFirstTag) {}

Status BatchQueue::CheckWaitingBytes(size_t bytes) const {
  if (bytes == 0 || waiting_bytes_ == 0) return Status::Ok();
  return CheckQueueBytes(waiting_bytes_, bytes, max_waiting_bytes_);
}

Status BatchQueue::CheckBytes(size_t bytes) const {
  const std::lock_guard lock(mutex_);
  return CheckWaitingBytes(bytes);
}

Status BatchQueue::Post(uint64_t tag, std::unique_ptr<Task> task, BatchMember* member) {
  const size_t bytes = task->waiting_bytes();
  const std::lock_guard lock(mutex_);
  ONLITE_RETURN_IF_ERROR(CheckWaitingBytes(bytes));
  // A batch that was taken from the queue and has not started counts as waiting,
  // and its place as free.
  const size_t free_places = concurrency_ - std::min(concurrency_, running_);
  if (requests_ >= max_waiting_ + free_places * options_.max_rows) {
    return {ErrorCode::kQueueFull, "the session's queue is full: " + std::to_string(requests_) +
                                       " runs wait (maxQueue " + std::to_string(max_waiting_) +
                                       ")"};
  }
  // What can fail comes before what changes anything.
  ONLITE_RETURN_IF_ERROR(queue_->RequireThreads());
  std::shared_ptr<Batch> batch = FindOpen(*member);
  if (batch == nullptr) {
    batch = Open({tag, std::move(task), member});
  } else {
    batch->items.push_back({tag, std::move(task), member});
  }
  batch->rows += member->rows();
  ++requests_;
  waiting_bytes_ += bytes;
  if (batch->rows >= options_.max_rows) batch->closed = true;
  if (batch->queued) return Status::Ok();
  const bool waits = !batch->closed && options_.max_delay.count() > 0 && ArmTimer(batch->due);
  if (!waits) Enqueue(batch);
  return Status::Ok();
}

std::shared_ptr<BatchQueue::Batch> BatchQueue::FindOpen(const BatchMember& member) {
  size_t compared = 0;
  for (auto at = batches_.rbegin(); at != batches_.rend() && compared < kComparedBatches;
       ++at, ++compared) {
    const std::shared_ptr<Batch>& batch = *at;
    if (batch->closed || !batch->items.front().member->JoinsWith(member)) continue;
    if (batch->rows + member.rows() <= options_.max_rows) return batch;
    // Requests of a kind start in order: this batch is not overtaken by one that
    // would still fit.
    batch->closed = true;
    if (!batch->queued) Enqueue(batch);
    return nullptr;
  }
  return nullptr;
}

std::shared_ptr<BatchQueue::Batch> BatchQueue::Open(Item item) {
  auto batch = std::make_shared<Batch>();
  batch->task = std::make_unique<BatchTask>();
  batch->tag = ++last_tag_;
  batch->due = DelayTimer::Clock::now() + options_.max_delay;
  batch->items.push_back(std::move(item));
  batches_.push_back(batch);
  return batch;
}

void BatchQueue::Enqueue(const std::shared_ptr<Batch>& batch) noexcept {
  batch->queued = true;
  ++queued_;
  batch->task->Belong(shared_from_this(), batch);
  // Post has seen to the threads, which is all that can fail.
  static_cast<void>(queue_->PostUnbounded(batch->tag, std::move(batch->task)));
}

bool BatchQueue::ArmTimer(DelayTimer::Clock::time_point when) noexcept {
  // One call at a time is enough: batches fall due in the order they were opened.
  if (timer_armed_) return true;
  try {
    DelayTimer::Process().CallAt(when, [weak = weak_from_this()] {
      if (const auto queue = weak.lock()) queue->OnTimer();
    });
  } catch (const std::exception&) {
    return false;
  }
  timer_armed_ = true;
  return true;
}

void BatchQueue::OnTimer() {
  const std::lock_guard lock(mutex_);
  timer_armed_ = false;
  const auto now = DelayTimer::Clock::now();
  for (const std::shared_ptr<Batch>& batch : batches_) {
    if (batch->queued) continue;
    if (batch->due > now && ArmTimer(batch->due)) return;
    Enqueue(batch);
  }
}

std::unique_ptr<Task> BatchQueue::Remove(uint64_t tag) {
  // Destroyed without the lock: it is the executor's to call.
  std::unique_ptr<Task> empty_batch;
  const std::lock_guard lock(mutex_);
  for (auto at = batches_.begin(); at != batches_.end(); ++at) {
    Batch& batch = **at;
    const auto item = std::find_if(batch.items.begin(), batch.items.end(),
                                   [tag](const Item& other) { return other.tag == tag; });
    if (item == batch.items.end()) continue;
    std::unique_ptr<Task> removed = std::move(item->task);
    batch.rows -= item->member->rows();
    batch.items.erase(item);
    --requests_;
    waiting_bytes_ -= removed->waiting_bytes();
    if (batch.items.empty()) {
      // An executor thread that has just taken it finds it empty.
      if (batch.queued) {
        --queued_;
        empty_batch = queue_->Remove(batch.tag);
      }
      batches_.erase(at);
    }
    return removed;
  }
  return nullptr;
}

void BatchQueue::Flush() {
  const std::lock_guard lock(mutex_);
  for (const std::shared_ptr<Batch>& batch : batches_) {
    batch->closed = true;
    if (!batch->queued) Enqueue(batch);
  }
}

size_t BatchQueue::waiting() const {
  const std::lock_guard lock(mutex_);
  const size_t tasks = queue_->waiting();
  return requests_ + tasks - std::min(tasks, queued_);
}

BatchQueue::Sizes BatchQueue::sizes() const {
  const std::lock_guard lock(mutex_);
  return sizes_;
}

BatchQueue::Sizes BatchQueue::SizesSinceReset() const {
  const std::lock_guard lock(mutex_);
  return Difference(sizes_, sizes_at_reset_);
}

BatchQueue::Sizes BatchQueue::TakeSizesInterval() {
  const std::lock_guard lock(mutex_);
  Sizes interval = Difference(sizes_, sizes_at_interval_);
  sizes_at_interval_ = sizes_;
  return interval;
}

void BatchQueue::ResetSizes() {
  const std::lock_guard lock(mutex_);
  sizes_at_reset_ = sizes_;
  sizes_at_interval_ = sizes_;
}

std::vector<BatchQueue::Item> BatchQueue::Start(const std::shared_ptr<Batch>& batch) {
  const std::lock_guard lock(mutex_);
  if (batch->items.empty()) return {};
  std::erase(batches_, batch);
  requests_ -= batch->items.size();
  for (const Item& item : batch->items) waiting_bytes_ -= item.task->waiting_bytes();
  --queued_;
  ++running_;
  try {
    ++sizes_[batch->rows];
  } catch (const std::bad_alloc&) {
    // It runs uncounted.
  }
  return std::exchange(batch->items, {});
}

void BatchQueue::Ended() {
  const std::lock_guard lock(mutex_);
  --running_;
}

}  // namespace onlite
