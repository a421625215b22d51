#include "session/session_core.h"

#include <algorithm>
#include <new>
#include <utility>

#include "core/exit_gate.h"
#include "core/heap_trim.h"
#include "session/shared_sessions.h"

namespace onlite {

/// Nobody removes it.
constexpr uint64_t kCloseTag = UINT64_MAX;

namespace {

uint64_t NextCoreNumber() {
  static std::atomic<uint64_t> last{0};
  return ++last;
}

}  // namespace

/// Destroys the session after the runs that there are, on a thread that nobody waits for.
class SessionCore::CloseTask final : public Task {
 public:
  explicit CloseTask(std::shared_ptr<SessionCore> core) : core_(std::move(core)) {}
  void Run() override { CloseInGate(std::move(core_)); }

  static void CloseInGate(std::shared_ptr<SessionCore> core) {
    ExitGate& gate = ExitGate::Process();
    if (gate.Enter()) {
      core->Close();
      core.reset();
      gate.Leave();
    } else {
      // The process ends: destroying would only race with the runtime's own teardown.
      static_cast<void>(new (std::nothrow) std::shared_ptr<SessionCore>(std::move(core)));
    }
  }

 private:
  std::shared_ptr<SessionCore> core_;
};

SessionCore::SessionCore() : number(NextCoreNumber()) {}

bool SessionCore::Attach() {
  size_t users = users_.load();
  while (users > 0) {
    if (users_.compare_exchange_weak(users, users + 1)) return true;
  }
  return false;
}

bool SessionCore::LetGo() {
  if (users_.fetch_sub(1) != 1) return false;
  SharedSessions::Process().Forget(number);
  return true;
}

void SessionCore::AddBinding(const std::shared_ptr<BindingCore>& binding) {
  const std::lock_guard lock(mutex_);
  // Looked through when they have doubled, so that many bindings cost no more each than few.
  if (bindings_.size() >= 2 * live_bindings_) {
    std::erase_if(bindings_, [](const auto& other) { return other.expired(); });
    live_bindings_ = std::max<size_t>(bindings_.size(), kFewBindings);
  }
  bindings_.push_back(binding);
}

void SessionCore::CloseBinding(BindingCore& binding) {
  const std::lock_guard lock(mutex_);
  binding.binding.reset();
  binding.carried.clear();
}

void SessionCore::CloseBindingsOf(const AttachedSession& attached) {
  const std::lock_guard lock(mutex_);
  for (const auto& weak : bindings_) {
    const auto binding = weak.lock();
    if (!binding || binding->session.get() != &attached) continue;
    binding->binding.reset();
    binding->carried.clear();
  }
}

Status SessionCore::TakeOutputs(BindingCore& binding, std::vector<Value>* values) {
  if (binding.dynamic_outputs.empty() && !binding.flexible) return Status::Ok();
  const std::lock_guard lock(mutex_);
  if (!binding.binding) return SessionReleased();
  if (binding.flexible && binding.binding->strayed()) {
    const size_t count = info.signatures[binding.signature].outputs.size();
    for (size_t index = 0; index < count; ++index) {
      ONLITE_RETURN_IF_ERROR(binding.binding->TakeOutput(index, &values->emplace_back()));
    }
    return Status::Ok();
  }
  for (const size_t index : binding.dynamic_outputs) {
    ONLITE_RETURN_IF_ERROR(binding.binding->TakeOutput(index, &values->emplace_back()));
  }
  return Status::Ok();
}

std::vector<std::string> SessionCore::Providers() {
  const std::lock_guard lock(mutex_);
  return session ? session->providers() : last_providers_;
}

void SessionCore::Close() {
  const std::lock_guard lock(mutex_);
  if (session) last_providers_ = session->providers();
  for (const auto& weak : bindings_) {
    if (const auto binding = weak.lock()) {
      binding->binding.reset();
      binding->carried.clear();
    }
  }
  bindings_.clear();
  if (session == nullptr) return;
  session.reset();
  // Not before: that may take longer than the moment that the trimmer waits.
  TrimHeapSoon();
}

bool SessionCore::is_closed() {
  const std::lock_guard lock(mutex_);
  return session == nullptr;
}

void SessionCore::CloseWhenIdle() noexcept {
  if (is_closed()) return;
  FlushBatches();
  // Nobody posts any more, so what waits now is all there will be.
  size_t claimed = 0;
  while (claimed < info.concurrency && queue->TryEnter()) ++claimed;
  const bool idle = claimed == info.concurrency && queue->waiting() == 0;
  if (idle) CloseTask::CloseInGate(shared_from_this());
  for (; claimed > 0; --claimed) queue->Leave();
  if (idle) return;
  try {
    static_cast<void>(
        queue->PostExclusive(kCloseTag, std::make_unique<CloseTask>(shared_from_this())));
  } catch (const std::bad_alloc&) {
    // The session goes with its last holder.
  }
}

Status SessionReleased() { return {ErrorCode::kSessionReleased, "the session was released"}; }

Status EveryInterpreterBusy() {
  return {ErrorCode::kBusy,
          "runSync: as many runs are in flight as the session makes at once; await them, or create "
          "the session with a higher concurrency"};
}

bool EnterSynchronousRun(SessionCore& core) {
  return core.info.reentrant || core.queue->TryEnter();
}

void LeaveSynchronousRun(SessionCore& core) {
  if (!core.info.reentrant) core.queue->Leave();
}

}  // namespace onlite
