#include "core/histogram.h"

#include <utility>
#include <vector>

namespace onlite {

Histogram::Histogram(const HistogramLayout& layout)
    : layout_(layout),
      counts_(std::make_unique<std::atomic<uint64_t>[]>(layout.counts())),
      last_read_(layout) {}

void Histogram::Add(const HistogramSnapshot& samples) {
  if (samples.count() == 0) return;
  const HistogramLayout& theirs = samples.layout();
  const bool same = theirs == layout_;
  for (size_t offset = 0; offset < samples.counts().size(); ++offset) {
    const uint64_t count = samples.counts()[offset];
    if (count == 0) continue;
    size_t index = samples.first() + offset;
    if (!same) {
      const auto middle = static_cast<uint64_t>(theirs.MiddleAt(index));
      index = layout_.IndexOf(std::min(middle, layout_.highest()));
    }
    counts_[index].fetch_add(count, std::memory_order_relaxed);
  }
  Widen(std::min(samples.min(), layout_.highest()), std::min(samples.max(), layout_.highest()));
}

HistogramSnapshot Histogram::Read(const Extremes& extremes) const {
  const auto at = [this](size_t index) { return counts_[index].load(std::memory_order_relaxed); };
  size_t end = layout_.counts();
  while (end > 0 && at(end - 1) == 0) --end;
  size_t first = 0;
  while (first < end && at(first) == 0) ++first;
  std::vector<uint64_t> counts(end - first);
  for (size_t index = first; index < end; ++index) counts[index - first] = at(index);
  return {layout_, first, std::move(counts), extremes.min, extremes.max};
}

HistogramSnapshot Histogram::Snapshot() const {
  const std::lock_guard lock(mutex_);
  return Read({std::min(earlier_.min, min_.load(std::memory_order_relaxed)),
               std::max(earlier_.max, max_.load(std::memory_order_relaxed))});
}

HistogramSnapshot Histogram::TakeInterval() {
  const std::lock_guard lock(mutex_);
  const Extremes extremes{min_.exchange(UINT64_MAX, std::memory_order_relaxed),
                          max_.exchange(0, std::memory_order_relaxed)};
  earlier_ = {std::min(earlier_.min, extremes.min), std::max(earlier_.max, extremes.max)};
  HistogramSnapshot now = Read(extremes);
  HistogramSnapshot interval = now.Since(last_read_, extremes.min, extremes.max);
  last_read_ = std::move(now);
  return interval;
}

void Histogram::Reset() {
  const std::lock_guard lock(mutex_);
  for (size_t index = 0; index < layout_.counts(); ++index) {
    if (counts_[index].load(std::memory_order_relaxed) == 0) continue;
    counts_[index].exchange(0, std::memory_order_relaxed);
  }
  min_.store(UINT64_MAX, std::memory_order_relaxed);
  max_.store(0, std::memory_order_relaxed);
  earlier_ = {};
  last_read_ = HistogramSnapshot(layout_);
}

size_t Histogram::bytes() const {
  const std::lock_guard lock(mutex_);
  const size_t counters = layout_.counts() + last_read_.counts().capacity();
  return sizeof(*this) + counters * sizeof(uint64_t);
}

}  // namespace onlite
