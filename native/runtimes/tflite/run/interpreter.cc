#include "runtimes/tflite/run/interpreter.h"

#include <set>
#include <utility>

#include "core/low_priority.h"
#include "runtimes/tflite/run/tensors.h"
#include "runtimes/tflite/xnnpack/delegate.h"

namespace onlite::tflite {

Interpreter::Interpreter(const Model& model)
    : model_(model), api_(model.library().api()), runners_(model.info().entry_points.size()) {}

Status Interpreter::Create(const Model& model, const InterpreterSettings& settings,
                           std::unique_ptr<Interpreter>* interpreter) {
  std::unique_ptr<Interpreter> created(new Interpreter(model));
  const Api& api = created->api_;
  const OptionsHandle options(api.InterpreterOptionsCreate(), {&api});
  if (options == nullptr) return {ErrorCode::kRunFailed, "no interpreter options could be made"};
  api.InterpreterOptionsSetNumThreads(options.get(), settings.threads);
  api.InterpreterOptionsSetErrorReporter(options.get(), &ErrorLog::Report, &created->log_);
  if (api.has_cancellation()) api.InterpreterOptionsEnableCancellation(options.get(), true);
  if (settings.profiler != nullptr) {
    api.InterpreterOptionsSetTelemetryProfiler(options.get(), settings.profiler);
  }
  if (settings.stand_ins != nullptr) settings.stand_ins->AddTo(options.get());
  if (settings.observer != nullptr) {
    api.InterpreterOptionsAddDelegate(options.get(), settings.observer->delegate());
  }
  if (settings.xnnpack) {
    // It makes the threads of the runs here, and packs the weights later.
    Status made;
    RunAtOrdinaryPriority([&] {
      made = CreateXnnpackDelegate(model.library(), settings.threads, settings.weights,
                                   &created->delegate_);
    });
    ONLITE_RETURN_IF_ERROR(made);
    api.InterpreterOptionsAddDelegate(options.get(), created->delegate_.get());
  }
  created->handle_ =
      InterpreterHandle(api.InterpreterCreate(model.handle(), options.get()), {&api});
  if (created->handle_ == nullptr) {
    if (settings.xnnpack) {
      return created->Fail(ErrorCode::kProviderUnavailable, "xnnpack cannot take this model");
    }
    if (settings.observer != nullptr && settings.observer->out_of_memory()) {
      return {ErrorCode::kOutOfMemory, "out of memory for the model's tensors"};
    }
    return created->Fail(ErrorCode::kModelInvalid, "TensorFlow Lite cannot run this model");
  }
  created->placement_ = std::make_unique<Placement>(api, created->handle_.get());
  *interpreter = std::move(created);
  return Status::Ok();
}

Status Interpreter::WithdrawAll() {
  if (placement_->empty()) return Status::Ok();
  const EntryPoint& primary = model_.info().entry_points[0];
  const EntryRunner& runner = *runners_[0];
  for (size_t index = 0; index < primary.inputs.size(); ++index) {
    ONLITE_RETURN_IF_ERROR(
        placement_->Withdraw(runner.InputTensorIndex(index), runner.Input(index)));
  }
  return WithdrawOutputs();
}

Status Interpreter::WithdrawOutputs() {
  if (placement_->empty()) return Status::Ok();
  const EntryRunner& runner = *runners_[0];
  for (size_t index = 0; index < model_.info().entry_points[0].outputs.size(); ++index) {
    const int tensor_index = runner.OutputTensorIndex(index);
    if (IsPrimaryInput(tensor_index)) continue;
    ONLITE_RETURN_IF_ERROR(placement_->Withdraw(tensor_index, runner.Output(index)));
  }
  return Status::Ok();
}

bool Interpreter::IsPrimaryInput(int tensor_index) const {
  for (size_t index = 0; index < model_.info().entry_points[0].inputs.size(); ++index) {
    if (runners_[0]->InputTensorIndex(index) == tensor_index) return true;
  }
  return false;
}

bool Interpreter::HasShapes(size_t entry, Feeds feeds) const {
  if (runners_[entry] == nullptr ||
      !allocated_.contains(model_.info().entry_points[entry].subgraph)) {
    return false;
  }
  for (size_t index = 0; index < feeds.size(); ++index) {
    if (!HasDims(api_, runners_[entry]->Input(index), feeds[index]->dims)) return false;
  }
  return true;
}

bool Interpreter::CanPlace() const {
  const ModelInfo& info = model_.info();
  if (!api_.has_custom_allocation() || api_.InterpreterGetTensor == nullptr ||
      api_.OpaqueTensorGetAllocationType == nullptr || info.has_variables ||
      info.subgraph_count != 1) {
    return false;
  }
  // A tensor that is an input twice would lie in two places.
  const int32_t* const inputs = api_.InterpreterInputTensorIndices(handle_.get());
  const size_t input_count = info.entry_points[0].inputs.size();
  if (std::set<int32_t>(inputs, inputs + input_count).size() < input_count) return false;
  for (size_t index = 0; index < info.tensor_count; ++index) {
    const TfLiteTensor* tensor = PrimaryTensor(static_cast<int>(index));
    if (tensor == nullptr || IsAllocated(api_, tensor, ApiAllocationType::kDynamic)) return false;
  }
  return true;
}

Status Interpreter::Fail(ErrorCode code, std::string message) {
  usable_ = false;
  return {code, std::move(message), log_.Take()};
}

Status Interpreter::RefuseShapes(std::string message) {
  if (!delegated()) return Fail(ErrorCode::kShapeMismatch, std::move(message));
  return Fail(ErrorCode::kProviderUnavailable,
              "executionProviders: xnnpack refuses this model's tensors; list 'cpu' after it");
}

Status Interpreter::SetShapes(size_t entry, Feeds feeds) {
  const EntryPoint& point = model_.info().entry_points[entry];
  if (runners_[entry] == nullptr) {
    const char* key = entry == 0 ? nullptr : model_.info().signatures[entry].key.c_str();
    ONLITE_RETURN_IF_ERROR(EntryRunner::Create(api_, handle_.get(), point, key, &runners_[entry]));
  }
  const EntryRunner& runner = *runners_[entry];
  placement_->Rearranged();
  steady_runs_ = 0;
  bool allocated = allocated_.contains(point.subgraph);
  for (size_t index = 0; index < feeds.size(); ++index) {
    if (HasDims(api_, runner.Input(index), feeds[index]->dims)) continue;
    allocated = false;
    if (runner.Resize(index, feeds[index]->dims) != ApiStatus::kOk) {
      return RefuseShapes("inputs." + model_.info().signatures[entry].inputs[index].name +
                          ".dims: TensorFlow Lite refuses " + DimsToString(feeds[index]->dims));
    }
  }
  if (allocated) return Status::Ok();
  const ApiStatus status = runner.Allocate();
  if (status == ApiStatus::kUnresolvedOps) {
    return Fail(ErrorCode::kUnsupported,
                "a custom operator of the model is used in a way that no delegate can run");
  }
  if (status != ApiStatus::kOk) {
    return RefuseShapes("inputs: TensorFlow Lite refuses these shapes");
  }
  allocated_.insert(point.subgraph);
  may_place_ = point.subgraph == 0 && CanPlace();
  return Status::Ok();
}

const TfLiteTensor* Interpreter::PrimaryTensor(int index) const {
  return api_.InterpreterGetTensor == nullptr ? nullptr
                                              : api_.InterpreterGetTensor(handle_.get(), index);
}

void Interpreter::Cancel() const {
  if (api_.has_cancellation()) api_.InterpreterCancel(handle_.get());
}

}  // namespace onlite::tflite
