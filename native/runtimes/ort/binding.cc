#include "runtimes/ort/binding.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

#include "core/clock.h"
#include "runtimes/ort/cancellation.h"
#include "runtimes/ort/device_turn.h"
#include "runtimes/ort/model_info.h"
#include "runtimes/ort/request.h"
#include "runtimes/ort/status.h"
#include "runtimes/ort/tensors.h"

namespace onlite::ort {
namespace {

Status GivesInputBack(const std::string& name) {
  return {ErrorCode::kUnsupported,
          "outputs." + name + ": the graph gives an input back, which cannot be bound to memory"};
}

}  // namespace

Status OrtBinding::Create(const BoundSession& session, std::unique_ptr<Binding>* binding) {
  OrtIoBinding* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(Bound(Functions().CreateIoBinding(session.session, &handle)));
  std::unique_ptr<OrtBinding> created(new OrtBinding(session));
  created->binding_.reset(handle);
  *binding = std::move(created);
  return Status::Ok();
}

OrtBinding::OrtBinding(const BoundSession& session)
    : session_(session),
      inputs_(session.signature.inputs.size()),
      fed_back_(session.signature.inputs.size(), false),
      outputs_(session.signature.outputs.size()) {}

OrtBinding::~OrtBinding() {
  const bool is_on_device =
      std::any_of(outputs_.begin(), outputs_.end(),
                  [](const Output& output) { return output.device != nullptr; }) ||
      std::find(fed_back_.begin(), fed_back_.end(), true) != fed_back_.end() || !discarded_.empty();
  DeviceTurn turn;
  if (session_.traits.takes_turns && is_on_device) static_cast<void>(turn.Wait(nullptr));
  binding_.reset();
  left_.clear();
  inputs_.clear();
  discarded_.clear();
}

Status OrtBinding::CheckEmpty(size_t index, const TensorView& tensor) {
  std::vector<EmptyFeed> feeds = empty_feeds_;
  std::erase_if(feeds, [&](const EmptyFeed& feed) { return feed.index == index; });
  if (IsEmpty(tensor.dims)) {
    feeds.push_back({index, tensor.dims});
    ONLITE_RETURN_IF_ERROR(session_.guard.Check(session_.signature, feeds));
  }
  empty_feeds_ = std::move(feeds);
  return Status::Ok();
}

Status OrtBinding::BindInput(size_t index, const TensorView& tensor) {
  ONLITE_RETURN_IF_ERROR(CheckInput(session_.signature, index, tensor));
  if (session_.guard.watches()) ONLITE_RETURN_IF_ERROR(CheckEmpty(index, tensor));
  ValueHandle value;
  ONLITE_RETURN_IF_ERROR(WrapTensor(tensor, session_.cpu, &value));
  if (!session_.traits.reads_at_bind) ONLITE_RETURN_IF_ERROR(BindValue(index, value.get()));
  // The binding refers to the new value by now.
  std::swap(inputs_[index], value);
  if (fed_back_[index]) Discard(std::move(value));
  fed_back_[index] = false;
  complete_ = false;
  return Status::Ok();
}

Status OrtBinding::BindValue(size_t index, const OrtValue* value) {
  const char* const name = session_.signature.inputs[index].name.c_str();
  return Bound(Functions().BindInput(binding_.get(), name, value));
}

Status OrtBinding::BindOutput(size_t index, const TensorView& memory) {
  ONLITE_RETURN_IF_ERROR(CheckOutput(session_.signature, index, memory));
  const std::string& name = session_.signature.outputs[index].name;
  if (session_.passed_through[index]) return GivesInputBack(name);
  ONLITE_RETURN_IF_ERROR(DiscardOutput(index));
  Output output;
  ONLITE_RETURN_IF_ERROR(WrapTensor(memory, session_.cpu, &output.value));
  ONLITE_RETURN_IF_ERROR(
      Bound(Functions().BindOutput(binding_.get(), name.c_str(), output.value.get())));
  output.memory = memory;
  outputs_[index] = std::move(output);
  complete_ = false;
  in_place_ = false;
  return Status::Ok();
}

Status OrtBinding::BindFlexibleOutput(size_t index, const TensorView& memory) {
  ONLITE_RETURN_IF_ERROR(CheckOutput(session_.signature, index, memory));
  if (session_.passed_through[index]) {
    ONLITE_RETURN_IF_ERROR(BindDynamicOutput(index));
    loose_ = true;
  } else {
    ONLITE_RETURN_IF_ERROR(BindOutput(index, memory));
  }
  outputs_[index].flexible = true;
  return Status::Ok();
}

Status OrtBinding::BindDynamicOutput(size_t index) {
  if (index >= outputs_.size()) {
    return {ErrorCode::kInvalidArgument, "outputs: there is no index " + std::to_string(index)};
  }
  ONLITE_RETURN_IF_ERROR(DiscardOutput(index));
  outputs_[index] = {};
  outputs_[index].dynamic = true;
  complete_ = false;
  succeeded_ = false;
  return BindToDevice(index);
}

Status OrtBinding::BindDeviceOutput(size_t index) {
  if (index < outputs_.size() && session_.passed_through[index]) {
    return GivesInputBack(session_.signature.outputs[index].name);
  }
  ONLITE_RETURN_IF_ERROR(BindDynamicOutput(index));
  // In a session of the processor alone that is all.
  if (!session_.traits.reads_at_bind) return Status::Ok();
  const Api& api = Functions();
  if (api.SessionGetMemoryInfoForOutputs == nullptr || api.CopyTensors == nullptr) {
    return {ErrorCode::kUnsupported,
            "outputs." + session_.signature.outputs[index].name +
                ": this ONNX Runtime cannot leave outputs on a device, 1.23 and later can"};
  }
  std::vector<const OrtMemoryInfo*> memory(outputs_.size(), nullptr);
  ONLITE_RETURN_IF_ERROR(
      Bound(api.SessionGetMemoryInfoForOutputs(session_.session, memory.data(), memory.size())));
  outputs_[index].device = memory[index];
  return BindToDevice(index);
}

Status OrtBinding::BindToDevice(size_t index) {
  const OrtMemoryInfo* const device = outputs_[index].device;
  return Bound(Functions().BindOutputToDevice(binding_.get(),
                                              session_.signature.outputs[index].name.c_str(),
                                              device != nullptr ? device : session_.cpu));
}

Status OrtBinding::LeftValue(size_t output, ValueHandle* value) {
  if (output >= outputs_.size() || !outputs_[output].dynamic || !succeeded_) {
    return {ErrorCode::kInvalidArgument,
            "outputs: no run has given any yet, or the last one failed"};
  }
  std::vector<ValueHandle> values;
  ONLITE_RETURN_IF_ERROR(BoundValues(&values));
  *value = std::move(values[output]);
  if (*value != nullptr) return Status::Ok();
  return {ErrorCode::kRunFailed,
          "outputs." + session_.signature.outputs[output].name + ": the run gave no value"};
}

void OrtBinding::Discard(ValueHandle value) {
  if (session_.traits.takes_turns && value != nullptr) discarded_.push_back(std::move(value));
}

Status OrtBinding::DiscardOutput(size_t index) {
  if (outputs_[index].device == nullptr || !has_outputs_) return Status::Ok();
  std::vector<ValueHandle> values;
  ONLITE_RETURN_IF_ERROR(BoundValues(&values));
  Discard(std::move(values[index]));
  return Status::Ok();
}

Status OrtBinding::FeedBack(size_t output, size_t input) {
  if (input >= inputs_.size()) return {ErrorCode::kInvalidArgument, "inputs: no such index"};
  ValueHandle value;
  ONLITE_RETURN_IF_ERROR(LeftValue(output, &value));
  if (!session_.traits.reads_at_bind) ONLITE_RETURN_IF_ERROR(BindValue(input, value.get()));
  std::swap(inputs_[input], value);
  if (fed_back_[input]) Discard(std::move(value));
  fed_back_[input] = true;
  std::erase_if(empty_feeds_, [&](const EmptyFeed& feed) { return feed.index == input; });
  complete_ = false;
  return Status::Ok();
}

Status OrtBinding::CopyToHost(Place place, CancelToken* cancel, Value* value) {
  DeviceTurn turn;
  if (session_.traits.takes_turns) ONLITE_RETURN_IF_ERROR(turn.Wait(cancel));
  const CudaTurn cuda_turn(session_.traits.cuda_turn);
  if (place.is_input) {
    if (place.index >= inputs_.size() || !fed_back_[place.index]) {
      return {ErrorCode::kInvalidArgument, "inputs: nothing was fed back"};
    }
    return CopyValueToHost(session_.env, inputs_[place.index].get(),
                           session_.signature.inputs[place.index].name, value);
  }
  ValueHandle left;
  ONLITE_RETURN_IF_ERROR(LeftValue(place.index, &left));
  return CopyValueToHost(session_.env, left.get(), session_.signature.outputs[place.index].name,
                         value);
}

Status OrtBinding::Loosen() {
  loose_ = true;
  for (size_t index = 0; index < outputs_.size(); ++index) {
    if (outputs_[index].flexible) ONLITE_RETURN_IF_ERROR(BindToDevice(index));
  }
  return Status::Ok();
}

Status OrtBinding::Tighten() {
  loose_ = false;
  for (size_t index = 0; index < outputs_.size(); ++index) {
    const Output& output = outputs_[index];
    if (!output.flexible || output.dynamic) continue;
    ONLITE_RETURN_IF_ERROR(Bound(Functions().BindOutput(
        binding_.get(), session_.signature.outputs[index].name.c_str(), output.value.get())));
  }
  return Status::Ok();
}

Status OrtBinding::CheckComplete() const {
  for (size_t index = 0; index < inputs_.size(); ++index) {
    const ValueInfo& info = session_.signature.inputs[index];
    if (inputs_[index] == nullptr && !info.optional) {
      return {ErrorCode::kInvalidArgument, "inputs." + info.name + ": missing"};
    }
  }
  return Status::Ok();
}

Status OrtBinding::RenewDynamicOutputs() {
  if (!has_outputs_) return Status::Ok();
  has_outputs_ = false;
  for (size_t index = 0; index < outputs_.size(); ++index) {
    const Output& output = outputs_[index];
    if (output.dynamic || (loose_ && output.flexible)) ONLITE_RETURN_IF_ERROR(BindToDevice(index));
  }
  return Status::Ok();
}

Status OrtBinding::Run(CancelToken* cancel, RunTimes* times) {
  const CudaTurn cuda_turn(session_.traits.cuda_turn);
  if (!session_.traits.takes_turns) return RunBound(cancel, times);
  DeviceTurn turn;
  ONLITE_RETURN_IF_ERROR(turn.TakeForRun(cancel));
  return RunBound(cancel, times);
}

Status OrtBinding::RunBound(CancelToken* cancel, RunTimes* times) {
  discarded_.clear();
  strayed_ = false;
  if (!complete_) {
    ONLITE_RETURN_IF_ERROR(CheckComplete());
    // Beside an output that is an input no other is bound either: a run that does not make
    // the shape of the memory is not made anew then.
    if (loose_) ONLITE_RETURN_IF_ERROR(Loosen());
    complete_ = true;
  }
  Status status = RunOnce(cancel, times);
  if (status.ok() && !loose_ && !in_place_) {
    ONLITE_RETURN_IF_ERROR(CheckPlaces(&in_place_));
    if (!in_place_) status = {ErrorCode::kRunFailed, "the results lie elsewhere"};
  }
  // Perhaps only because the model does not make the shape of the memory, which is
  // an error like any other to ONNX Runtime (session.cc).
  const bool flexible = !outputs_.empty() && outputs_[0].flexible;
  const bool failed =
      status.code() == ErrorCode::kRunFailed || status.code() == ErrorCode::kShapeMismatch;
  if (!loose_ && flexible && failed) {
    ONLITE_RETURN_IF_ERROR(Loosen());
    const Status again = RunOnce(cancel, times);
    if (!again.ok()) ONLITE_RETURN_IF_ERROR(Tighten());
    status = again;
  }
  strayed_ = loose_ && flexible && status.ok();
  return status.code() == ErrorCode::kShapeMismatch ? OtherShape(status) : status;
}

Status OrtBinding::OtherShape(const Status& status) const {
  for (size_t index = 0; index < outputs_.size(); ++index) {
    const std::string& name = session_.signature.outputs[index].name;
    if (outputs_[index].value == nullptr) continue;
    if (status.cause().find("output '" + name + "'") == std::string::npos) continue;
    return {status.code(),
            "outputs." + name + ".dims: the model makes another shape than the bound " +
                DimsToString(outputs_[index].memory.dims) + "; bind such an output as 'dynamic'",
            status.cause()};
  }
  return {status.code(),
          "outputs: the model makes another shape than is bound; bind such an output as 'dynamic'",
          status.cause()};
}

Status OrtBinding::RunOnce(CancelToken* cancel, RunTimes* times) {
  left_.clear();
  ONLITE_RETURN_IF_ERROR(RenewDynamicOutputs());
  if (cancel != nullptr && run_options_ == nullptr) {
    OrtRunOptions* options = nullptr;
    ONLITE_RETURN_IF_ERROR(Bound(Functions().CreateRunOptions(&options)));
    run_options_.reset(options);
  }
  const int64_t started = times != nullptr ? MonotonicNow() : 0;
  Cancellation cancellation(cancel, run_options_.get());
  succeeded_ = false;
  if (!cancellation.MayStart()) return {ErrorCode::kCancelled, "the run was cancelled"};
  Status status = session_.traits.reads_at_bind ? InvokeOnDevice() : Invoke();
  const bool cancelled = cancellation.End();
  if (times != nullptr) times->invoke_ns = MonotonicNow() - started;
  has_outputs_ = true;
  if (!cancelled) {
    succeeded_ = status.ok();
    return status;
  }
  // Terminated for good, and the next run must not be.
  run_options_.reset();
  return {ErrorCode::kCancelled, "the run was cancelled", status.cause()};
}

Status OrtBinding::Invoke() {
  return Check(Functions().RunWithBinding(session_.session, run_options_.get(), binding_.get()),
               Stage::kRun, "the run failed");
}

Status OrtBinding::InvokeOnDevice() {
  Status status = FeedDevice();
  if (status.ok()) status = Invoke();
  if (status.ok()) status = Bound(Functions().SynchronizeBoundOutputs(binding_.get()));
  // Frees the copies on the device while nobody else uses it.
  Functions().ClearBoundInputs(binding_.get());
  return status;
}

Status OrtBinding::FeedDevice() {
  for (size_t index = 0; index < inputs_.size(); ++index) {
    if (inputs_[index] == nullptr) continue;
    ONLITE_RETURN_IF_ERROR(BindValue(index, inputs_[index].get()));
  }
  return Bound(Functions().SynchronizeBoundInputs(binding_.get()));
}

Status OrtBinding::FindPlaces(OrtAllocator* allocator) {
  char* names = nullptr;
  size_t* lengths = nullptr;
  size_t count = 0;
  ONLITE_RETURN_IF_ERROR(
      Bound(Functions().GetBoundOutputNames(binding_.get(), allocator, &names, &lengths, &count)));
  places_.assign(count, outputs_.size());
  const char* at = names;
  for (size_t bound = 0; bound < count; at += lengths[bound], ++bound) {
    const std::string_view name(at, lengths[bound]);
    for (size_t index = 0; index < outputs_.size(); ++index) {
      if (name == session_.signature.outputs[index].name) places_[bound] = index;
    }
  }
  if (names != nullptr) static_cast<void>(Bound(Functions().AllocatorFree(allocator, names)));
  if (lengths != nullptr) static_cast<void>(Bound(Functions().AllocatorFree(allocator, lengths)));
  return Status::Ok();
}

Status OrtBinding::BoundValues(std::vector<ValueHandle>* values) {
  values->clear();
  values->resize(outputs_.size());
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  size_t bound_count = 0;
  for (const Output& output : outputs_) bound_count += output.value || output.dynamic ? 1 : 0;
  if (places_.size() != bound_count) ONLITE_RETURN_IF_ERROR(FindPlaces(allocator));
  size_t count = 0;
  OrtValue** bound_values = nullptr;
  ONLITE_RETURN_IF_ERROR(
      Bound(Functions().GetBoundOutputValues(binding_.get(), allocator, &bound_values, &count)));
  for (size_t bound = 0; bound < count; ++bound) {
    ValueHandle owned(bound_values[bound]);
    if (bound < places_.size() && places_[bound] < values->size()) {
      (*values)[places_[bound]] = std::move(owned);
    }
  }
  if (bound_values != nullptr) {
    static_cast<void>(Bound(Functions().AllocatorFree(allocator, bound_values)));
  }
  return Status::Ok();
}

Status OrtBinding::CheckPlaces(bool* in_place) {
  *in_place = true;
  std::vector<ValueHandle> values;
  ONLITE_RETURN_IF_ERROR(BoundValues(&values));
  for (size_t index = 0; index < outputs_.size(); ++index) {
    const Output& output = outputs_[index];
    if (output.value == nullptr || output.memory.byte_length == 0) continue;
    void* data = nullptr;
    if (values[index] != nullptr) {
      ONLITE_RETURN_IF_ERROR(Bound(Functions().GetTensorMutableData(values[index].get(), &data)));
    }
    if (data == output.memory.data) continue;
    *in_place = false;
    if (!output.flexible) return GivesInputBack(session_.signature.outputs[index].name);
  }
  return Status::Ok();
}

Status OrtBinding::TakeOutput(size_t index, Value* value) {
  if (index >= outputs_.size() || !(outputs_[index].dynamic || outputs_[index].flexible)) {
    return {ErrorCode::kInvalidArgument, "outputs: index is not bound as dynamic"};
  }
  if (!succeeded_)
    return {ErrorCode::kInvalidArgument,
            "outputs: no run has given any yet, or the last one failed"};
  const Output& output = outputs_[index];
  if (output.device != nullptr) {
    return {ErrorCode::kUnsupported, "outputs: what is on a device has to be copied"};
  }
  if (output.flexible && !output.dynamic && !loose_) {
    value->kind = Value::Kind::kTensor;
    value->tensor = output.memory;
    return Status::Ok();
  }
  // All are asked for together, which costs as much as one.
  if (left_.empty() || left_[index] == nullptr) ONLITE_RETURN_IF_ERROR(BoundValues(&left_));
  const std::string& name = session_.signature.outputs[index].name;
  if (left_[index] == nullptr) {
    return {ErrorCode::kRunFailed, "outputs." + name + ": the run gave no value"};
  }
  return TakeValue(std::move(left_[index]), name, value);
}

}  // namespace onlite::ort
