#include "core/run_statistics.h"

#include <memory>
#include <new>

#include "core/heap_trim.h"

namespace onlite {
namespace {

uint64_t Duration(int64_t nanoseconds) {
  return nanoseconds < 0 ? 0 : static_cast<uint64_t>(nanoseconds);
}

/// What `slot` points to, made now if there is nothing yet; null without memory.
template <typename Value>
Value* FindOrMake(std::atomic<Value*>& slot) {
  Value* found = slot.load(std::memory_order_acquire);
  if (found != nullptr) return found;
  try {
    auto fresh = std::make_unique<Value>();
    // Another thread may have been first.
    if (slot.compare_exchange_strong(found, fresh.get(), std::memory_order_acq_rel)) {
      return fresh.release();
    }
    return found;
  } catch (const std::bad_alloc&) {
    return nullptr;
  }
}

size_t IndexOf(Phase phase) { return static_cast<size_t>(phase); }
size_t IndexOf(ErrorCode code) { return static_cast<size_t>(code); }

HistogramSnapshot SnapshotOf(const Histogram* histogram) {
  return histogram == nullptr ? HistogramSnapshot() : histogram->Snapshot();
}

HistogramSnapshot IntervalOf(Histogram* histogram) {
  return histogram == nullptr ? HistogramSnapshot() : histogram->TakeInterval();
}

}  // namespace

RunStatistics::~RunStatistics() {
  const std::unique_ptr<PhaseHistograms> phases(phases_.load());
  for (const auto& slot : failures_) const std::unique_ptr<Histogram> failures(slot.load());
  // Often long after the session was released: when JavaScript's objects are collected.
  TrimHeapSoon();
}

void RunStatistics::RecordSuccess(const RunPhases& phases) {
  PhaseHistograms* histograms = FindOrMake(phases_);
  if (histograms == nullptr) return;
  (*histograms)[IndexOf(Phase::kQueue)].Record(Duration(phases.queue_ns));
  (*histograms)[IndexOf(Phase::kBind)].Record(Duration(phases.bind_ns));
  (*histograms)[IndexOf(Phase::kInvoke)].Record(Duration(phases.invoke_ns));
  (*histograms)[IndexOf(Phase::kFetch)].Record(Duration(phases.fetch_ns));
  (*histograms)[IndexOf(Phase::kTotal)].Record(Duration(phases.total_ns));
}

void RunStatistics::RecordSynchronous(int64_t invoke_ns, int64_t total_ns) {
  PhaseHistograms* histograms = FindOrMake(phases_);
  if (histograms == nullptr) return;
  (*histograms)[IndexOf(Phase::kInvoke)].Record(Duration(invoke_ns));
  (*histograms)[IndexOf(Phase::kTotal)].Record(Duration(total_ns));
}

void RunStatistics::RecordFailure(ErrorCode code, int64_t total_ns) {
  Histogram* histogram = FindOrMake(failures_[IndexOf(code)]);
  if (histogram != nullptr) histogram->Record(Duration(total_ns));
}

Histogram* RunStatistics::Find(Phase phase) const {
  PhaseHistograms* histograms = phases_.load(std::memory_order_acquire);
  return histograms == nullptr ? nullptr : &(*histograms)[IndexOf(phase)];
}

Histogram* RunStatistics::Find(ErrorCode code) const {
  return failures_[IndexOf(code)].load(std::memory_order_acquire);
}

HistogramSnapshot RunStatistics::Snapshot(Phase phase) const { return SnapshotOf(Find(phase)); }
HistogramSnapshot RunStatistics::Failures(ErrorCode code) const { return SnapshotOf(Find(code)); }

uint64_t RunStatistics::rejected() const { return rejected_.load() - rejected_reset_.load(); }

std::vector<ErrorCode> RunStatistics::FailureCodes() const {
  std::vector<ErrorCode> codes;
  for (size_t index = 0; index < kErrorCodes; ++index) {
    const auto code = static_cast<ErrorCode>(index);
    if (Find(code) != nullptr) codes.push_back(code);
  }
  return codes;
}

HistogramSnapshot RunStatistics::TakeInterval(Phase phase) { return IntervalOf(Find(phase)); }

HistogramSnapshot RunStatistics::TakeFailuresInterval(ErrorCode code) {
  return IntervalOf(Find(code));
}

uint64_t RunStatistics::TakeRejectedInterval() {
  const uint64_t now = rejected_.load();
  const uint64_t before = rejected_interval_.exchange(now);
  return now > before ? now - before : 0;  // another thread may have taken a later one
}

void RunStatistics::Reset() {
  for (size_t index = 0; index < kPhaseNames.size(); ++index) Reset(static_cast<Phase>(index));
  for (size_t index = 0; index < kErrorCodes; ++index) {
    ResetFailures(static_cast<ErrorCode>(index));
  }
  const uint64_t now = rejected_.load();
  rejected_reset_.store(now);
  rejected_interval_.store(now);
}

void RunStatistics::Reset(Phase phase) {
  if (Histogram* histogram = Find(phase)) histogram->Reset();
}

void RunStatistics::ResetFailures(ErrorCode code) {
  if (Histogram* histogram = Find(code)) histogram->Reset();
}

size_t RunStatistics::bytes() const {
  size_t bytes = 0;
  for (size_t index = 0; index < kPhaseNames.size(); ++index) {
    if (const Histogram* histogram = Find(static_cast<Phase>(index))) bytes += histogram->bytes();
  }
  for (const auto& slot : failures_) {
    if (const Histogram* histogram = slot.load(std::memory_order_acquire)) {
      bytes += histogram->bytes();
    }
  }
  return bytes;
}

}  // namespace onlite
