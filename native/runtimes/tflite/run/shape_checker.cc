#include "runtimes/tflite/run/shape_checker.h"

#include <algorithm>
#include <memory>
#include <optional>
#include <string>

#include "core/aligned_buffer.h"
#include "runtimes/tflite/model/operator_names.h"
#include "runtimes/tflite/model/tensor_verifier.h"

namespace onlite::tflite {
namespace {

constexpr size_t kMaxVerdicts = 256;

/// A tensor that gets its shape only while the model runs.
bool IsDynamic(const Api& api, const TfLiteTensor* tensor) {
  return IsAllocated(api, tensor, ApiAllocationType::kDynamic);
}

std::vector<bool> EmptyFeeds(Feeds feeds) {
  std::vector<bool> empty;
  for (const TensorView* feed : feeds) {
    empty.push_back(IsEmpty(feed->dims));
  }
  return empty;
}

/// The outputs as they came out of the allocation; null unless there are some and
/// every one is known to be empty.
std::shared_ptr<const EmptyOutputs> AllEmpty(const Interpreter& trial, size_t entry,
                                             const SignatureInfo& signature) {
  const Api& api = trial.api();
  auto empty = std::make_shared<EmptyOutputs>();
  for (size_t index = 0; index < signature.outputs.size(); ++index) {
    const TfLiteTensor* tensor = trial.runner(entry).Output(index);
    if (tensor == nullptr || IsDynamic(api, tensor)) return nullptr;
    TensorView view;
    view.type = ElementTypeOf(api.TensorType(tensor));
    const int32_t rank = api.TensorNumDims(tensor);
    for (int32_t dim = 0; dim < rank; ++dim) view.dims.push_back(api.TensorDim(tensor, dim));
    if (view.type == ElementType::kUndefined || TensorBytes(view.type, view.dims) != size_t{0}) {
      return nullptr;
    }
    empty->outputs.push_back(std::move(view));
  }
  if (empty->outputs.empty()) return nullptr;
  return empty;
}

/// Which of the subgraphs that a delegate is shown each one is; SIZE_MAX for one
/// that it is not shown.
std::vector<size_t> ShownSubgraphs(const std::vector<DeclaredSubgraph>& subgraphs) {
  std::vector<size_t> shown;
  shown.reserve(subgraphs.size());
  size_t next = 0;
  for (const DeclaredSubgraph& subgraph : subgraphs) {
    shown.push_back(subgraph.name.starts_with("VALIDATION:") ? SIZE_MAX : next++);
  }
  return shown;
}

/// Why an operator is no depthwise convolution of its input: the filter has other
/// channels than the options make of it. XNNPACK takes as many channels of the input
/// as the filter has, even if they are not there. Empty if nothing is wrong.
std::string DepthwiseFault(const Api& api, const DeclaredSubgraph& subgraph,
                           const DeclaredOperator& declared, const TfLiteTensor* input) {
  if (input == nullptr || IsDynamic(api, input)) return "";
  const int32_t rank = api.TensorNumDims(input);
  const Dims& filter = subgraph.tensors[static_cast<size_t>(declared.inputs[1])].dims;
  if (rank == 0 || filter.empty()) return "";
  const int64_t channels = api.TensorDim(input, rank - 1);
  const int64_t multiplier = declared.depth_multiplier;
  if (multiplier <= 0 || channels * multiplier == filter.back()) return "";
  return "the filter has " + std::to_string(filter.back()) + " channels, expected " +
         std::to_string(channels) + " x " + std::to_string(multiplier);
}

bool HasHugeTensor(const Interpreter& interpreter, size_t entry, const EntryPoint& point) {
  const Api& api = interpreter.api();
  const auto is_huge = [&api](const TfLiteTensor* tensor) {
    return tensor != nullptr && !IsDynamic(api, tensor) &&
           api.TensorByteSize(tensor) > kMaxTensorBytes;
  };
  for (size_t index = 0; index < point.outputs.size(); ++index) {
    if (is_huge(interpreter.runner(entry).Output(index))) return true;
  }
  if (point.subgraph != 0) return false;
  return std::any_of(point.computed_tensors.begin(), point.computed_tensors.end(),
                     [&](const int index) { return is_huge(interpreter.PrimaryTensor(index)); });
}

bool OutgrowsVariable(const Interpreter& interpreter, const EntryPoint& point) {
  if (point.subgraph != 0) return false;
  const Api& api = interpreter.api();
  for (const auto& [index, bytes] : point.variable_contents) {
    const TfLiteTensor* tensor = interpreter.PrimaryTensor(index);
    if (tensor == nullptr || IsDynamic(api, tensor)) continue;
    if (api.TensorByteSize(tensor) != bytes) return true;
  }
  return false;
}

/// Which input is to blame, and what it was: the first whose dims differ from
/// the declared ones, which are what the model was made with.
std::string Blame(const SignatureInfo& signature, Feeds feeds) {
  std::string text;
  for (size_t index = 0; index < feeds.size(); ++index) {
    const ValueInfo& input = signature.inputs[index];
    const Dims& dims = feeds[index]->dims;
    for (size_t dim = 0; dim < dims.size() && dim < input.dims.size(); ++dim) {
      if (input.dims[dim] >= 0 && input.dims[dim] != dims[dim]) {
        return "inputs." + input.name + ".dims[" + std::to_string(dim) + "]: expected " +
               std::to_string(input.dims[dim]) + ", got " + std::to_string(dims[dim]);
      }
    }
    text += (text.empty() ? "inputs." : ", inputs.") + input.name + ".dims: " + DimsToString(dims);
  }
  return text + ": the model cannot be run with this shape";
}

}  // namespace

ShapeChecker::Seen ShapeChecker::See(const Interpreter& trial,
                                     const TensorObserver* observer) const {
  Seen seen{ReadSubgraphs(model_.file()), nullptr, false};
  std::vector<size_t> shown = ShownSubgraphs(seen.subgraphs);
  const size_t expected =
      shown.size() - static_cast<size_t>(std::count(shown.begin(), shown.end(), SIZE_MAX));
  const bool sees_all = observer != nullptr && observer->shown() == expected;
  seen.all = sees_all;
  seen.tensor = [&trial, observer, sees_all, shown = std::move(shown)](
                    size_t index, size_t tensor) -> const TfLiteTensor* {
    if (sees_all && shown[index] != SIZE_MAX) return observer->Tensor(shown[index], tensor);
    return index == 0 ? trial.PrimaryTensor(static_cast<int>(tensor)) : nullptr;
  };
  return seen;
}

Status ShapeChecker::JudgeDepthwise(const Interpreter& trial, const Seen& seen, size_t entry,
                                    Feeds feeds) const {
  const Api& api = trial.api();
  const size_t first = model_.info().entry_points[entry].subgraph;
  const std::vector<bool> reached = ReachedSubgraphs(seen.subgraphs, {first});
  for (size_t index = 0; index < seen.subgraphs.size(); ++index) {
    if (!reached[index]) continue;
    const DeclaredSubgraph& subgraph = seen.subgraphs[index];
    for (size_t at = 0; at < subgraph.operators.size(); ++at) {
      const DeclaredOperator& declared = subgraph.operators[at];
      if (declared.depth_multiplier <= 0 || declared.inputs.size() < 2) continue;
      const TfLiteTensor* input = seen.tensor(index, static_cast<size_t>(declared.inputs[0]));
      const std::string fault = DepthwiseFault(api, subgraph, declared, input);
      if (fault.empty()) continue;
      return {ErrorCode::kShapeMismatch, Blame(model_.info().signatures[entry], feeds),
              OperatorPath(index, at) + ": " + OperatorName(declared) + ": " + fault};
    }
  }
  return Status::Ok();
}

ShapeChecker::Verdict ShapeChecker::JudgeEmptyTensors(const Interpreter& trial,
                                                      const TensorObserver* observer,
                                                      const Seen& seen, size_t entry,
                                                      Feeds feeds) const {
  std::vector<bool> empty_feeds = EmptyFeeds(feeds);
  const bool feeds_empty =
      std::find(empty_feeds.begin(), empty_feeds.end(), true) != empty_feeds.end();
  if (observer != nullptr && !feeds_empty && !observer->AnyWithoutElements()) return {};
  const SignatureInfo& signature = model_.info().signatures[entry];
  const size_t subgraph = model_.info().entry_points[entry].subgraph;
  // A signature has its own order of a subgraph's inputs.
  if (entry != 0)
    empty_feeds.assign(seen.subgraphs[subgraph].inputs.size(), feeds_empty && !seen.all);
  const EmptyTensors found =
      FindEmptyTensors(trial.api(), seen.subgraphs, subgraph, empty_feeds, seen.tensor);
  if (found.negative) {
    return {{ErrorCode::kShapeMismatch, Blame(signature, feeds),
             "a tensor that the model computes would have a negative dimension"},
            nullptr};
  }
  if (!found.unsafe.empty() && !feeds_empty && found.shrunk) {
    return {{ErrorCode::kShapeMismatch, Blame(signature, feeds), found.unsafe}, nullptr};
  }
  // What is not run changes no variable either.
  if (!model_.info().has_variables) {
    std::shared_ptr<const EmptyOutputs> empty = AllEmpty(trial, entry, signature);
    if (empty != nullptr) return {Status::Ok(), std::move(empty)};
  }
  if (found.unsafe.empty()) return {};
  return {{ErrorCode::kUnsupported,
           found.unsafe + ", and TensorFlow Lite may crash on that in this operator"},
          nullptr};
}

ShapeChecker::Verdict ShapeChecker::Try(size_t entry, Feeds feeds) const {
  const EntryPoint& point = model_.info().entry_points[entry];
  const SignatureInfo& signature = model_.info().signatures[entry];
  const auto refuse = [&](std::string cause) {
    return Verdict{{ErrorCode::kShapeMismatch, Blame(signature, feeds), std::move(cause)}, nullptr};
  };
  const std::unique_ptr<TensorObserver> observer = TensorObserver::Create(model_.library().api());
  InterpreterSettings settings;
  settings.stand_ins = stand_ins_.get();
  settings.observer = observer.get();
  std::unique_ptr<Interpreter> trial;
  const Status created = Interpreter::Create(model_, settings, &trial);
  if (!created.ok()) return {created, nullptr};
  const Status allocated = trial->SetShapes(entry, feeds);
  if (!allocated.ok()) {
    if (allocated.code() != ErrorCode::kShapeMismatch) return {allocated, nullptr};
    return refuse(allocated.cause());
  }
  if (HasHugeTensor(*trial, entry, point)) {
    return refuse("a tensor that the model computes would have more than 2 GiB");
  }
  if (OutgrowsVariable(*trial, point)) {
    return refuse("a variable would get another size than it is declared with");
  }
  const Seen seen = See(*trial, observer.get());
  const Status fits = JudgeDepthwise(*trial, seen, entry, feeds);
  if (!fits.ok()) return {fits, nullptr};
  return JudgeEmptyTensors(*trial, observer.get(), seen, entry, feeds);
}

Status ShapeChecker::Check(size_t entry, Feeds feeds, std::shared_ptr<const EmptyOutputs>* empty) {
  Key key{entry, {}};
  for (const TensorView* feed : feeds) key.second.push_back(feed->dims);
  {
    const std::lock_guard lock(mutex_);
    const auto known = verdicts_.find(key);
    if (known != verdicts_.end()) {
      *empty = known->second.empty;
      return known->second.status;
    }
  }
  const Verdict verdict = Try(entry, feeds);
  *empty = verdict.empty;
  // What memory was too short for may be tried again.
  if (verdict.status.code() == ErrorCode::kOutOfMemory) return verdict.status;
  const std::lock_guard lock(mutex_);
  if (verdicts_.size() >= kMaxVerdicts) verdicts_.erase(verdicts_.begin());
  verdicts_.insert_or_assign(std::move(key), verdict);
  return verdict.status;
}

Status FetchEmpty(const TensorView& output, const TensorView& into, bool flexible,
                  const std::string& name, Value* value) {
  value->kind = Value::Kind::kTensor;
  value->tensor = output;
  if (output.type != ElementType::kString) {
    const bool fits = into.type == output.type && into.dims == output.dims;
    if (into.data != nullptr && !flexible && into.type != output.type) {
      return {ErrorCode::kTypeMismatch, "outputs." + name + ": expected " +
                                            std::string(ElementTypeName(output.type)) + ", got " +
                                            std::string(ElementTypeName(into.type))};
    }
    if (into.data != nullptr && !flexible && !fits) {
      return {ErrorCode::kShapeMismatch, "outputs." + name + ".dims: expected " +
                                             DimsToString(output.dims) + ", got " +
                                             DimsToString(into.dims)};
    }
    if (into.data != nullptr && fits) {
      value->tensor.data = into.data;
      return Status::Ok();
    }
    value->owner = std::shared_ptr<uint8_t[]>(AllocateAligned(0));
    if (value->owner == nullptr) {
      return {ErrorCode::kOutOfMemory, "outputs." + name + ": not enough memory"};
    }
    value->tensor.data = value->owner.get();
  }
  return Status::Ok();
}

}  // namespace onlite::tflite
