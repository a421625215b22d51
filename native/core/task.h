#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <utility>

namespace onlite {

class TaskList;

/// A piece of work. `Run` and then `Finished` are called once, on an executor
/// thread; a task that was removed from its queue belongs to who removed it.
class Task {
 public:
  Task() = default;
  Task(const Task&) = delete;
  Task& operator=(const Task&) = delete;
  virtual ~Task() = default;
  /// What it throws ends the process.
  virtual void Run() = 0;

  /// Bytes that it holds while it waits, for the queue's limit; always the same meanwhile.
  virtual size_t waiting_bytes() const { return 0; }

  /// After the task's place in its queue was given back, so that whoever hears
  /// of the end finds the place free. `self` is this task: keep it, or return it
  /// to have it destroyed. The executor's lock is held: be short, throw nothing, and take no
  /// lock under which others call the executor.
  virtual std::unique_ptr<Task> Finished(std::unique_ptr<Task> self) { return self; }

 private:
  friend class TaskList;
  friend class TaskQueue;

  // Of the list and the queue that it is in.
  Task* next_ = nullptr;
  uint64_t tag_ = 0;
  bool exclusive_ = false;
};

/// Tasks in a row, which it owns. The links are the tasks' own: nothing here
/// allocates, so that no task is lost where memory is short. Not thread-safe.
class TaskList {
 public:
  TaskList() = default;
  TaskList(const TaskList&) = delete;
  TaskList& operator=(const TaskList&) = delete;
  TaskList(TaskList&& other) noexcept { Swap(other); }
  TaskList& operator=(TaskList&& other) noexcept {
    Clear();
    Swap(other);
    return *this;
  }
  ~TaskList() { Clear(); }

  bool empty() const { return first_ == nullptr; }
  size_t size() const { return size_; }
  Task* front() const { return first_; }
  /// The one behind it; null after the last.
  static Task* Next(const Task* task) { return task->next_; }

  void Append(std::unique_ptr<Task> task) {
    Task* const added = task.release();
    added->next_ = nullptr;
    (last_ == nullptr ? first_ : last_->next_) = added;
    last_ = added;
    ++size_;
  }

  /// Null if it is empty.
  std::unique_ptr<Task> TakeFirst() { return empty() ? nullptr : Unlink(nullptr); }

  /// The first task that `matches` holds for; null if there is none.
  template <typename Matches>
  std::unique_ptr<Task> TakeIf(const Matches& matches) {
    for (Task *before = nullptr, *at = first_; at != nullptr; before = at, at = at->next_) {
      if (matches(*at)) return Unlink(before);
    }
    return nullptr;
  }

  void Swap(TaskList& other) noexcept {
    std::swap(first_, other.first_);
    std::swap(last_, other.last_);
    std::swap(size_, other.size_);
  }

  void Clear() {
    while (!empty()) TakeFirst();
  }

 private:
  std::unique_ptr<Task> Unlink(Task* before) {
    Task*& link = before == nullptr ? first_ : before->next_;
    std::unique_ptr<Task> taken(link);
    link = taken->next_;
    taken->next_ = nullptr;
    if (last_ == taken.get()) last_ = before;
    --size_;
    return taken;
  }

  Task* first_ = nullptr;
  Task* last_ = nullptr;
  size_t size_ = 0;
};

}  // namespace onlite
