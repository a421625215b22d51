#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "runtimes/ort/binding.h"

namespace onlite::ort {

/// What a session keeps of its graphs. Replays of one write to memory that had been free when it
/// was captured, and may be another's by now: a session has one binding at a time.
struct Graphs {
  std::atomic<bool> is_bound{false};
  int last_id = 0;
};

/// A binding of a session whose provider captures its runs in a graph and replays them (CUDA
/// graphs). A replay knows addresses alone, so all tensors lie at fixed places on the device: what
/// is bound is copied there before each run, and from there after it.
class GraphBinding final : public Binding {
 public:
  /// kUnsupported while the session has another one, and for a model that has inputs or outputs
  /// which are not on the device.
  static Status Create(const BoundSession& session, Graphs* graphs,
                       std::unique_ptr<Binding>* binding);
  ~GraphBinding() override;

  Status BindInput(size_t index, const TensorView& tensor) override;
  Status BindOutput(size_t index, const TensorView& memory) override;
  Status BindFlexibleOutput(size_t index, const TensorView& memory) override;
  Status BindDynamicOutput(size_t index) override;
  Status Run(CancelToken* cancel, RunTimes* times) override;
  Status TakeOutput(size_t index, Value* value) override;
  /// Every output is there in any case.
  Status BindDeviceOutput(size_t /*index*/) override { return Status::Ok(); }
  Status FeedBack(size_t output, size_t input) override;
  Status CopyToHost(Place place, CancelToken* cancel, Value* value) override;

 private:
  struct Input {
    const OrtMemoryInfo* device = nullptr;
    AllocatorHandle allocator;  // the value's, which does not own it
    ValueHandle place;
    Dims dims;
    /// Over what is bound; null where the place has what the next run reads.
    ValueHandle bound;
    /// An output that is copied to the place before the next run.
    std::optional<size_t> fed_back;
  };
  struct Output {
    const OrtMemoryInfo* device = nullptr;
    ValueHandle place;
    Dims dims;
    /// Over the memory that is bound; null for a dynamic one.
    ValueHandle bound;
    TensorView memory;
  };

  GraphBinding(const BoundSession& session, Graphs* graphs);
  Status FindDevices();
  Status PlaceInput(size_t index, const TensorView& tensor);
  Status CheckComplete() const;
  Status RunOnce();
  Status CopyIn();
  Status CopyOut();
  Status Invoke(OrtRunOptions* options);
  /// A run that is not captured: what it makes stays where it is, for those that are.
  Status PlaceOutputs();
  Status TakePlaces();
  Status RenewGraph();
  Status CheckLeft(size_t output) const;

  const BoundSession session_;
  Graphs* const graphs_;
  RunOptionsHandle without_graph_;
  RunOptionsHandle with_graph_;
  std::vector<Input> inputs_;
  std::vector<Output> outputs_;
  bool placed_ = false;
  /// The provider captures for each thread anew.
  std::set<uint64_t> captured_on_;
  bool succeeded_ = false;
  // Destroyed first: it refers to the values.
  IoBindingHandle binding_;
};

}  // namespace onlite::ort
