#include "runtimes/tflite/profile/operator_recorder.h"

#include <algorithm>
#include <cstring>
#include <exception>

namespace onlite::tflite {
namespace {

constexpr int64_t kNsPerMicrosecond = 1000;
/// More than any real microsecond count; keeps sums from overflowing.
constexpr uint64_t kMaxMicroseconds = uint64_t{1} << 40;

void IgnoreOperatorEvent(TelemetryProfiler* /*self*/, const char* /*name*/, int64_t /*index*/,
                         int64_t /*subgraph*/, uint64_t /*status*/) {}
void IgnoreSettings(TelemetryProfiler* /*self*/, const char* /*name*/, const void* /*settings*/) {}

}  // namespace

// The struct is in no C header that is published; as with XNNPACK's options,
// only versions that were tried count.
bool CanProfile(const Library& library) {
  return library.api().InterpreterOptionsSetTelemetryProfiler != nullptr &&
         (library.version() == "2.17.1" || library.version().starts_with("2.20."));
}

OperatorRecorder::OperatorRecorder(Clock clock)
    : clock_(clock), profiler_{this,     &OnSubgraphEvent, &IgnoreOperatorEvent, &IgnoreSettings,
                               &OnBegin, &OnEnd,           &OnDelegateOperator} {}

template <typename Action>
void OperatorRecorder::Guarded(TelemetryProfiler* self, const Action& action) {
  auto* const recorder = static_cast<OperatorRecorder*>(self->data);
  if (recorder->levels_.empty()) return;
  try {
    action(recorder);
  } catch (const std::exception&) {
    recorder->complete_ = false;
  }
}

void OperatorRecorder::OnSubgraphEvent(TelemetryProfiler* self, const char* name,
                                       uint64_t /*status*/) {
  if (name == nullptr || std::strcmp(name, "Invoke") != 0) return;
  Guarded(self, [](OperatorRecorder* recorder) { recorder->EndSubgraph(); });
}

uint32_t OperatorRecorder::OnBegin(TelemetryProfiler* self, const char* name, int64_t index,
                                   int64_t subgraph) {
  Guarded(self, [&](OperatorRecorder* recorder) { recorder->Begin(name, index, subgraph); });
  const auto* const recorder = static_cast<OperatorRecorder*>(self->data);
  return static_cast<uint32_t>(recorder->levels_.size());
}

void OperatorRecorder::OnEnd(TelemetryProfiler* self, uint32_t handle) {
  Guarded(self, [&](OperatorRecorder* recorder) { recorder->End(handle); });
}

void OperatorRecorder::OnDelegateOperator(TelemetryProfiler* self, const char* name,
                                          uint64_t microseconds, int64_t index, int64_t subgraph) {
  Guarded(self, [&](OperatorRecorder* recorder) {
    recorder->DelegateOperator(name, microseconds, index, subgraph);
  });
}

void OperatorRecorder::StartRun() {
  levels_.clear();
  Level run;
  run.begin_ns = run.last_ns = clock_();
  levels_.push_back(run);
}

void OperatorRecorder::FinishRun() {
  if (levels_.size() != 1) complete_ = false;
  if (!levels_.empty()) total_ns_ += clock_() - levels_[0].begin_ns;
  levels_.clear();
}

void OperatorRecorder::EndSubgraph() {
  Level& level = levels_.back();
  level.last_index = -1;
  level.partitions_since = 0;
  level.open_partition = -1;
}

void OperatorRecorder::Begin(const char* name, int64_t index, int64_t subgraph) {
  levels_.back().open_partition = -1;
  Level level;
  Row(subgraph, -1, index, name, &level.row);
  level.begin_ns = level.last_ns = clock_();
  levels_.push_back(level);
}

void OperatorRecorder::End(uint32_t handle) {
  // The handle is the depth that Begin made.
  if (levels_.size() < 2 || handle != levels_.size()) {
    complete_ = false;
    return;
  }
  const int64_t now = clock_();
  const Level ended = levels_.back();
  levels_.pop_back();
  RecordedOperator& row = operators_[ended.row];
  const int64_t elapsed = now - ended.begin_ns;
  row.nanoseconds += elapsed - ended.inner_ns;
  ++row.count;
  Level& level = levels_.back();
  level.inner_ns += elapsed;
  level.last_ns = now;
  level.last_index = row.index;
  level.partitions_since = 0;
}

void OperatorRecorder::OpenPartition(Level* level, int64_t subgraph) {
  const int64_t now = clock_();
  const int64_t elapsed = now - level->last_ns;
  const std::tuple key{subgraph, level->last_index, level->partitions_since++};
  const auto [known, is_new] = partitions_.try_emplace(key, partition_count_[subgraph]);
  if (is_new) ++partition_count_[subgraph];
  level->open_partition = known->second;
  level->open_subgraph = subgraph;
  level->inner_ns += elapsed;
  RecordedOperator& row = Row(subgraph, known->second, -1, "", &level->open_row);
  row.nanoseconds += elapsed;
  ++row.count;
}

void OperatorRecorder::DelegateOperator(const char* name, uint64_t microseconds, int64_t index,
                                        int64_t subgraph) {
  Level& level = levels_.back();
  if (index == 0 || level.open_partition < 0 || level.open_subgraph != subgraph) {
    OpenPartition(&level, subgraph);
  }
  const auto nanoseconds =
      static_cast<int64_t>(std::min(microseconds, kMaxMicroseconds)) * kNsPerMicrosecond;
  RecordedOperator& row = Row(subgraph, level.open_partition, index, name);
  row.nanoseconds += nanoseconds;
  ++row.count;
  operators_[level.open_row].nanoseconds -= nanoseconds;
  level.last_ns = clock_();
}

RecordedOperator& OperatorRecorder::Row(int64_t subgraph, int64_t partition, int64_t index,
                                        const char* name, size_t* at) {
  const auto [known, is_new] = rows_.try_emplace({subgraph, partition, index}, operators_.size());
  if (is_new) {
    operators_.push_back({name == nullptr ? "" : name, subgraph, partition, index, 0, 0});
  }
  if (at != nullptr) *at = known->second;
  return operators_[known->second];
}

}  // namespace onlite::tflite
