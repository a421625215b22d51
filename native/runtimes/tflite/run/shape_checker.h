#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/tflite/model/model.h"
#include "runtimes/tflite/model/operator_list.h"
#include "runtimes/tflite/run/empty_tensors.h"
#include "runtimes/tflite/run/interpreter.h"
#include "runtimes/tflite/run/tensor_observer.h"
#include "runtimes/tflite/run/tensors.h"
#include "runtimes/tflite/xnnpack/stand_ins.h"

namespace onlite::tflite {

/// What an entry point gives for shapes with which every output is empty.
struct EmptyOutputs {
  /// By output, without data.
  std::vector<TensorView> outputs;
};

/// Decides whether a model can run with given input shapes before an
/// interpreter that matters is touched. A fresh interpreter without a delegate
/// allocates for them, because the built-in kernels check what XNNPACK does not;
/// operators that only the delegate has are stood in for.
///
/// Kernels divide by the dims of empty tensors, index with them and die. So where
/// every output is empty nothing is to be run, unless the model has variables;
/// else every operator that meets an empty tensor must be known to bear it
/// (empty_tensors.h). If one is not: kShapeMismatch where no feed is empty and a
/// tensor that the file declares to have elements has none left (a window longer
/// than the signal), kUnsupported otherwise. Refused too are shapes with which a
/// tensor would be too large, or of another size than its variable, or a depthwise
/// convolution would not fit its input.
///
/// What cannot be seen: dims that are known only while a model runs, unless they
/// come from an empty tensor, and, with libraries that cannot show them (2.9), all
/// inner tensors.
///
/// Thread-safe. Remembers the latest verdicts.
class ShapeChecker {
 public:
  explicit ShapeChecker(const Model& model) : model_(model) {}

  /// For the model's operators that only a delegate has; before the first check.
  void SetStandIns(std::unique_ptr<StandIns> stand_ins) { stand_ins_ = std::move(stand_ins); }

  /// `feeds` has one entry for every input of the entry point. Gives what comes
  /// out if nothing is to be run; else sets `empty` to null.
  Status Check(size_t entry, Feeds feeds, std::shared_ptr<const EmptyOutputs>* empty);

 private:
  using Key = std::pair<size_t, std::vector<Dims>>;
  struct Verdict {
    Status status;
    std::shared_ptr<const EmptyOutputs> empty;
  };

  /// The file's subgraphs, and what can be seen of their tensors in an interpreter.
  struct Seen {
    std::vector<DeclaredSubgraph> subgraphs;
    TensorLookup tensor;
    /// Not those of the primary subgraph only.
    bool all;
  };

  Verdict Try(size_t entry, Feeds feeds) const;
  /// Valid while both live.
  Seen See(const Interpreter& trial, const TensorObserver* observer) const;
  /// Whether depthwise convolutions fit their inputs.
  Status JudgeDepthwise(const Interpreter& trial, const Seen& seen, size_t entry,
                        Feeds feeds) const;
  /// The part about empty tensors, on an interpreter with the shapes.
  Verdict JudgeEmptyTensors(const Interpreter& trial, const TensorObserver* observer,
                            const Seen& seen, size_t entry, Feeds feeds) const;

  const Model& model_;
  std::unique_ptr<StandIns> stand_ins_;
  std::mutex mutex_;
  std::map<Key, Verdict> verdicts_;
};

/// Delivers such an output: into the caller's memory if there is some, else with
/// memory of no bytes. kTypeMismatch or kShapeMismatch if it does not fit what was
/// given, unless that is `flexible`.
Status FetchEmpty(const TensorView& output, const TensorView& into, bool flexible,
                  const std::string& name, Value* value);

}  // namespace onlite::tflite
