#include "runtimes/ort/graph_binding.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/clock.h"
#include "runtimes/ort/element_type.h"
#include "runtimes/ort/model_info.h"
#include "runtimes/ort/request.h"
#include "runtimes/ort/run_options.h"
#include "runtimes/ort/status.h"
#include "runtimes/ort/tensors.h"

namespace onlite::ort {
namespace {

bool IsOnDevice(const OrtMemoryInfo* memory) {
  DeviceType type = kDeviceCpu;
  if (memory != nullptr) Functions().MemoryInfoGetDeviceType(memory, &type);
  return type != kDeviceCpu;
}

Status NotOnDevice(const char* list, const std::string& name) {
  return {ErrorCode::kUnsupported,
          std::string(list) + "." + name +
              ": the model has it in the processor's memory, where a captured run does not reach; "
              "create the session without graphs"};
}

/// As long as the process lives, unlike a thread's id.
uint64_t ThisThread() {
  static std::atomic<uint64_t> count{0};
  thread_local const uint64_t number = ++count;
  return number;
}

Status OptionsOf(const std::string& graph, RunOptionsHandle* options) {
  OrtRunOptions* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(Bound(Functions().CreateRunOptions(&handle)));
  options->reset(handle);
  return Bound(Functions().AddRunConfigEntry(handle, kGraphId, graph.c_str()));
}

}  // namespace

Status GraphBinding::Create(const BoundSession& session, Graphs* graphs,
                            std::unique_ptr<Binding>* binding) {
  const Api& api = Functions();
  if (api.SessionGetMemoryInfoForInputs == nullptr || api.CopyTensors == nullptr) {
    return {ErrorCode::kUnsupported,
            "this ONNX Runtime cannot bind tensors for captured runs, 1.23 and later can"};
  }
  if (graphs->is_bound.exchange(true)) {
    return {ErrorCode::kUnsupported,
            "a session that captures its runs has one binding at a time; dispose the other one, or "
            "create another session"};
  }
  // From here on its end frees the session for another.
  std::unique_ptr<GraphBinding> created(new GraphBinding(session, graphs));
  OrtIoBinding* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(Bound(api.CreateIoBinding(session.session, &handle)));
  created->binding_.reset(handle);
  ONLITE_RETURN_IF_ERROR(created->FindDevices());
  ONLITE_RETURN_IF_ERROR(OptionsOf(kNoGraph, &created->without_graph_));
  ONLITE_RETURN_IF_ERROR(created->RenewGraph());
  *binding = std::move(created);
  return Status::Ok();
}

GraphBinding::GraphBinding(const BoundSession& session, Graphs* graphs)
    : session_(session),
      graphs_(graphs),
      inputs_(session.signature.inputs.size()),
      outputs_(session.signature.outputs.size()) {}

GraphBinding::~GraphBinding() { graphs_->is_bound = false; }

Status GraphBinding::FindDevices() {
  const Api& api = Functions();
  const SignatureInfo& signature = session_.signature;
  // ONNX Runtime counts the model's inputs proper, which come first.
  const auto first_initializer =
      std::find_if(signature.inputs.begin(), signature.inputs.end(),
                   [](const ValueInfo& input) { return input.overridable_initializer; });
  const auto input_count = static_cast<size_t>(first_initializer - signature.inputs.begin());
  std::vector<const OrtMemoryInfo*> memory(std::max(input_count, outputs_.size()), nullptr);
  ONLITE_RETURN_IF_ERROR(
      Bound(api.SessionGetMemoryInfoForInputs(session_.session, memory.data(), input_count)));
  for (size_t index = 0; index < input_count; ++index) inputs_[index].device = memory[index];
  ONLITE_RETURN_IF_ERROR(
      Bound(api.SessionGetMemoryInfoForOutputs(session_.session, memory.data(), outputs_.size())));
  for (size_t index = 0; index < outputs_.size(); ++index) {
    outputs_[index].device = memory[index];
    if (!IsOnDevice(memory[index]) || session_.passed_through[index]) {
      return NotOnDevice("outputs", signature.outputs[index].name);
    }
  }
  return Status::Ok();
}

Status GraphBinding::RenewGraph() {
  captured_on_.clear();
  return OptionsOf(std::to_string(++graphs_->last_id), &with_graph_);
}

Status GraphBinding::BindInput(size_t index, const TensorView& tensor) {
  ONLITE_RETURN_IF_ERROR(CheckInput(session_.signature, index, tensor));
  Input& input = inputs_[index];
  const std::string& name = session_.signature.inputs[index].name;
  if (!IsOnDevice(input.device)) return NotOnDevice("inputs", name);
  if (IsEmpty(tensor.dims)) {
    return {ErrorCode::kUnsupported,
            "inputs." + name + ".dims: captured runs need tensors that have elements, got " +
                DimsToString(tensor.dims)};
  }
  if (placed_ && tensor.dims != input.dims) {
    return {ErrorCode::kUnsupported, "inputs." + name + ".dims: the runs were captured with " +
                                         DimsToString(input.dims) + ", got " +
                                         DimsToString(tensor.dims) + "; bind anew for that"};
  }
  ValueHandle bound;
  ONLITE_RETURN_IF_ERROR(WrapTensor(tensor, session_.cpu, &bound));
  if (!placed_) ONLITE_RETURN_IF_ERROR(PlaceInput(index, tensor));
  input.bound = std::move(bound);
  input.fed_back.reset();
  return Status::Ok();
}

Status GraphBinding::PlaceInput(size_t index, const TensorView& tensor) {
  const CudaTurn turn(CudaTurn::Kind::kBesideOthers);
  const Api& api = Functions();
  Input& input = inputs_[index];
  if (input.place != nullptr && input.dims == tensor.dims) return Status::Ok();
  if (input.allocator == nullptr) {
    OrtAllocator* allocator = nullptr;
    ONLITE_RETURN_IF_ERROR(Bound(api.CreateAllocator(session_.session, input.device, &allocator)));
    input.allocator.reset(allocator);
  }
  OrtValue* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(
      Bound(api.CreateTensorAsOrtValue(input.allocator.get(), tensor.dims.data(),
                                       tensor.dims.size(), ToOnnx(tensor.type), &handle)));
  ValueHandle place(handle);
  const char* const name = session_.signature.inputs[index].name.c_str();
  ONLITE_RETURN_IF_ERROR(Bound(api.BindInput(binding_.get(), name, place.get())));
  input.place = std::move(place);
  input.dims = tensor.dims;
  return Status::Ok();
}

Status GraphBinding::BindOutput(size_t index, const TensorView& memory) {
  ONLITE_RETURN_IF_ERROR(CheckOutput(session_.signature, index, memory));
  ValueHandle bound;
  ONLITE_RETURN_IF_ERROR(WrapTensor(memory, session_.cpu, &bound));
  outputs_[index].bound = std::move(bound);
  outputs_[index].memory = memory;
  return Status::Ok();
}

Status GraphBinding::BindFlexibleOutput(size_t index, const TensorView& memory) {
  return BindOutput(index, memory);
}

Status GraphBinding::BindDynamicOutput(size_t index) {
  if (index >= outputs_.size()) {
    return {ErrorCode::kInvalidArgument, "outputs: there is no index " + std::to_string(index)};
  }
  outputs_[index].bound.reset();
  return Status::Ok();
}

Status GraphBinding::CheckComplete() const {
  for (size_t index = 0; index < inputs_.size(); ++index) {
    const ValueInfo& info = session_.signature.inputs[index];
    if (inputs_[index].place == nullptr && !info.optional) {
      return {ErrorCode::kInvalidArgument, "inputs." + info.name + ": missing"};
    }
  }
  return Status::Ok();
}

Status GraphBinding::Run(CancelToken* cancel, RunTimes* times) {
  ONLITE_RETURN_IF_ERROR(CheckComplete());
  // It goes on once it has started: one that stops while it is captured leaves the device
  // capturing.
  ArmedToken armed(cancel, [] {});
  if (!armed.MayStart()) return {ErrorCode::kCancelled, "the run was cancelled"};
  const int64_t started = MonotonicNow();
  Status status = RunOnce();
  if (times != nullptr) times->invoke_ns = MonotonicNow() - started;
  succeeded_ = status.ok();
  // What a failed capture has left is never replayed.
  if (!succeeded_) ONLITE_RETURN_IF_ERROR(RenewGraph());
  if (armed.End()) return {ErrorCode::kCancelled, "the run was cancelled", status.cause()};
  return status;
}

Status GraphBinding::RunOnce() {
  const bool captures = placed_ && captured_on_.count(ThisThread()) == 0;
  const CudaTurn turn(captures ? CudaTurn::Kind::kAlone : CudaTurn::Kind::kBesideOthers);
  ONLITE_RETURN_IF_ERROR(CopyIn());
  ONLITE_RETURN_IF_ERROR(placed_ ? Invoke(with_graph_.get()) : PlaceOutputs());
  if (captures) captured_on_.insert(ThisThread());
  return CopyOut();
}

Status GraphBinding::CopyIn() {
  TensorCopies from_host;
  TensorCopies from_device;
  for (Input& input : inputs_) {
    if (input.fed_back) {
      from_device.Add(outputs_[*input.fed_back].place.get(), input.place.get());
    } else if (input.bound != nullptr) {
      from_host.Add(input.bound.get(), input.place.get());
    }
  }
  ONLITE_RETURN_IF_ERROR(from_device.Make(session_.env));
  for (Input& input : inputs_) input.fed_back.reset();
  return from_host.Make(session_.env);
}

Status GraphBinding::Invoke(OrtRunOptions* options) {
  ONLITE_RETURN_IF_ERROR(
      Check(Functions().RunWithBinding(session_.session, options, binding_.get()), Stage::kRun,
            "the run failed"));
  return Bound(Functions().SynchronizeBoundOutputs(binding_.get()));
}

Status GraphBinding::PlaceOutputs() {
  for (size_t index = 0; index < outputs_.size(); ++index) {
    const char* const name = session_.signature.outputs[index].name.c_str();
    ONLITE_RETURN_IF_ERROR(
        Bound(Functions().BindOutputToDevice(binding_.get(), name, outputs_[index].device)));
  }
  ONLITE_RETURN_IF_ERROR(Invoke(without_graph_.get()));
  ONLITE_RETURN_IF_ERROR(TakePlaces());
  placed_ = true;
  return Status::Ok();
}

Status GraphBinding::TakePlaces() {
  const Api& api = Functions();
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  OrtValue** values = nullptr;
  size_t count = 0;
  ONLITE_RETURN_IF_ERROR(
      Bound(api.GetBoundOutputValues(binding_.get(), allocator, &values, &count)));
  // In the order in which they were bound.
  for (size_t index = 0; index < count; ++index) {
    ValueHandle value(values[index]);
    if (index < outputs_.size()) outputs_[index].place = std::move(value);
  }
  if (values != nullptr) static_cast<void>(Bound(api.AllocatorFree(allocator, values)));
  for (size_t index = 0; index < outputs_.size(); ++index) {
    Output& output = outputs_[index];
    const std::string& name = session_.signature.outputs[index].name;
    if (output.place == nullptr) {
      return {ErrorCode::kRunFailed, "outputs." + name + ": the run gave no value"};
    }
    ElementType type = ElementType::kUndefined;
    ONLITE_RETURN_IF_ERROR(ReadDims(output.place.get(), &type, &output.dims));
    ONLITE_RETURN_IF_ERROR(Bound(api.BindOutput(binding_.get(), name.c_str(), output.place.get())));
  }
  return Status::Ok();
}

Status GraphBinding::CopyOut() {
  TensorCopies copies;
  for (size_t index = 0; index < outputs_.size(); ++index) {
    const Output& output = outputs_[index];
    if (output.bound == nullptr) continue;
    if (output.dims != output.memory.dims) {
      return {ErrorCode::kShapeMismatch,
              "outputs." + session_.signature.outputs[index].name +
                  ".dims: the model makes another shape than the bound " +
                  DimsToString(output.memory.dims) + "; bind such an output as 'dynamic'"};
    }
    if (output.memory.byte_length > 0) copies.Add(output.place.get(), output.bound.get());
  }
  ONLITE_RETURN_IF_ERROR(copies.Make(session_.env));
  for (const Output& output : outputs_) {
    if (output.bound != nullptr) ClearPadding(output.memory);
  }
  return Status::Ok();
}

Status GraphBinding::CheckLeft(size_t output) const {
  if (output < outputs_.size() && succeeded_) return Status::Ok();
  return {ErrorCode::kInvalidArgument, "outputs: no run has given any yet, or the last one failed"};
}

Status GraphBinding::TakeOutput(size_t index, Value* value) {
  return CopyToHost({.is_input = false, .index = index}, nullptr, value);
}

Status GraphBinding::FeedBack(size_t output, size_t input) {
  if (input >= inputs_.size()) return {ErrorCode::kInvalidArgument, "inputs: no such index"};
  ONLITE_RETURN_IF_ERROR(CheckLeft(output));
  if (outputs_[output].dims != inputs_[input].dims) {
    return {ErrorCode::kUnsupported,
            "inputs." + session_.signature.inputs[input].name +
                ".dims: the runs were captured with " + DimsToString(inputs_[input].dims) +
                ", and what is carried has " + DimsToString(outputs_[output].dims) +
                "; create the session without graphs"};
  }
  inputs_[input].bound.reset();
  inputs_[input].fed_back = output;
  return Status::Ok();
}

Status GraphBinding::CopyToHost(Place place, CancelToken* /*cancel*/, Value* value) {
  const CudaTurn turn(CudaTurn::Kind::kBesideOthers);
  if (!place.is_input) {
    ONLITE_RETURN_IF_ERROR(CheckLeft(place.index));
    return CopyValueToHost(session_.env, outputs_[place.index].place.get(),
                           session_.signature.outputs[place.index].name, value);
  }
  if (place.index >= inputs_.size() || inputs_[place.index].place == nullptr ||
      inputs_[place.index].bound != nullptr) {
    return {ErrorCode::kInvalidArgument, "inputs: nothing was fed back"};
  }
  const Input& input = inputs_[place.index];
  const ValueHandle& source = input.fed_back ? outputs_[*input.fed_back].place : input.place;
  return CopyValueToHost(session_.env, source.get(), session_.signature.inputs[place.index].name,
                         value);
}

}  // namespace onlite::ort
