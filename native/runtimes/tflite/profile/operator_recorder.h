#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "core/clock.h"
#include "runtimes/tflite/api.h"
#include "runtimes/tflite/library.h"

namespace onlite::tflite {

/// Whether the library's profiler has the layout of TelemetryProfiler (api.h).
bool CanProfile(const Library& library);

/// What was counted for one operator, or for one partition of a delegate.
struct RecordedOperator {
  /// The runtime's name of a built-in operator, or the delegate's own words for
  /// one of its operators; empty for a partition as a whole.
  std::string kernel;
  int64_t subgraph = 0;
  /// Which of the delegate's partitions of the subgraph, in the order in which
  /// they first ran; -1 for a built-in kernel.
  int64_t partition = -1;
  /// In the subgraph, or in the partition; -1 for a partition as a whole.
  int64_t index = -1;
  uint64_t count = 0;
  /// Without the operators of subgraphs that it calls. Of a partition as a
  /// whole: what none of its operators accounts for.
  int64_t nanoseconds = 0;
};

/// Adds up what an interpreter's telemetry tells of its operators. Must outlive
/// the interpreter. Everything happens on the thread that invokes.
///
/// Built-in kernels report their beginning and end. XNNPACK reports, once a
/// partition has run, the whole microseconds that each of its operators took; how
/// long the partition took is the time since the event before.
class OperatorRecorder {
 public:
  using Clock = int64_t (*)();

  /// `clock` gives nanoseconds.
  explicit OperatorRecorder(Clock clock = &MonotonicNow);
  OperatorRecorder(const OperatorRecorder&) = delete;
  OperatorRecorder& operator=(const OperatorRecorder&) = delete;

  /// For InterpreterOptionsSetTelemetryProfiler.
  TfLiteTelemetryProfilerStruct* profiler() {
    return reinterpret_cast<TfLiteTelemetryProfilerStruct*>(&profiler_);
  }

  /// Around each invocation that counts; what is reported outside is ignored.
  void StartRun();
  void FinishRun();

  /// Nanoseconds between StartRun and FinishRun, all runs.
  int64_t total_ns() const { return total_ns_; }
  /// False if events were lost for lack of memory, or did not pair.
  bool complete() const { return complete_; }
  /// In the order in which they first ran.
  const std::vector<RecordedOperator>& operators() const { return operators_; }

 private:
  /// The run, or an operator that may call other subgraphs.
  struct Level {
    size_t row = 0;
    int64_t begin_ns = 0;
    /// Of the event before, at this level.
    int64_t last_ns = 0;
    /// What the operators at this level took.
    int64_t inner_ns = 0;
    /// The built-in operator that ended last in this invocation of a subgraph,
    /// and the partitions that ran after it.
    int64_t last_index = -1;
    int64_t partitions_since = 0;
    /// The partition whose operators are being reported, or -1.
    int64_t open_partition = -1;
    int64_t open_subgraph = -1;
    size_t open_row = 0;
  };

  static void OnSubgraphEvent(TelemetryProfiler* self, const char* name, uint64_t status);
  static uint32_t OnBegin(TelemetryProfiler* self, const char* name, int64_t index,
                          int64_t subgraph);
  static void OnEnd(TelemetryProfiler* self, uint32_t handle);
  static void OnDelegateOperator(TelemetryProfiler* self, const char* name, uint64_t microseconds,
                                 int64_t index, int64_t subgraph);

  /// Never lets an exception out into the runtime.
  template <typename Action>
  static void Guarded(TelemetryProfiler* self, const Action& action);

  void EndSubgraph();
  void Begin(const char* name, int64_t index, int64_t subgraph);
  void End(uint32_t handle);
  void DelegateOperator(const char* name, uint64_t microseconds, int64_t index, int64_t subgraph);
  void OpenPartition(Level* level, int64_t subgraph);
  RecordedOperator& Row(int64_t subgraph, int64_t partition, int64_t index, const char* name,
                        size_t* at = nullptr);

  const Clock clock_;
  TelemetryProfiler profiler_;
  std::vector<Level> levels_;  // empty outside of runs; [0] is the run
  std::vector<RecordedOperator> operators_;
  std::map<std::tuple<int64_t, int64_t, int64_t>, size_t> rows_;
  /// By subgraph, the operator they follow, and how many followed it before.
  std::map<std::tuple<int64_t, int64_t, int64_t>, int64_t> partitions_;
  std::map<int64_t, int64_t> partition_count_;
  int64_t total_ns_ = 0;
  bool complete_ = true;
};

}  // namespace onlite::tflite
