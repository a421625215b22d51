#include "runtimes/ort/binding.h"

#include <string>
#include <utility>

#include "core/clock.h"
#include "runtimes/ort/cancellation.h"
#include "runtimes/ort/feeds.h"
#include "runtimes/ort/model_info.h"
#include "runtimes/ort/status.h"
#include "runtimes/ort/values.h"

namespace onlite::ort {
namespace {

Status Bound(OrtStatus* status) { return Check(status, Stage::kRun, "cannot bind a tensor"); }

}  // namespace

Status OrtBinding::Create(OrtSession* session, const SignatureInfo& signature,
                          const std::vector<bool>& passed_through, OrtMemoryInfo* cpu,
                          std::unique_ptr<Binding>* binding) {
  OrtIoBinding* handle = nullptr;
  ONLITE_RETURN_IF_ERROR(Bound(Functions().CreateIoBinding(session, &handle)));
  std::unique_ptr<OrtBinding> created(new OrtBinding(session, signature, passed_through, cpu));
  created->binding_.reset(handle);
  *binding = std::move(created);
  return Status::Ok();
}

OrtBinding::OrtBinding(OrtSession* session, const SignatureInfo& signature,
                       const std::vector<bool>& passed_through, OrtMemoryInfo* cpu)
    : session_(session),
      signature_(signature),
      passed_through_(passed_through),
      cpu_(cpu),
      inputs_(signature.inputs.size()),
      outputs_(signature.outputs.size()),
      dynamic_(signature.outputs.size(), false) {}

Status OrtBinding::BindInput(size_t index, const TensorView& tensor) {
  ONLITE_RETURN_IF_ERROR(CheckInput(signature_, index, tensor));
  ValueHandle value;
  ONLITE_RETURN_IF_ERROR(WrapTensor(tensor, cpu_, &value));
  ONLITE_RETURN_IF_ERROR(Bound(
      Functions().BindInput(binding_.get(), signature_.inputs[index].name.c_str(), value.get())));
  // The binding refers to the new value by now.
  inputs_[index] = std::move(value);
  complete_ = false;
  return Status::Ok();
}

Status OrtBinding::BindOutput(size_t index, const TensorView& memory) {
  ONLITE_RETURN_IF_ERROR(CheckOutput(signature_, index, memory));
  const std::string& name = signature_.outputs[index].name;
  if (passed_through_[index]) {
    return {ErrorCode::kUnsupported,
            "outputs." + name + ": the graph gives an input back, which cannot be bound to memory"};
  }
  ValueHandle value;
  ONLITE_RETURN_IF_ERROR(WrapTensor(memory, cpu_, &value));
  ONLITE_RETURN_IF_ERROR(Bound(Functions().BindOutput(binding_.get(), name.c_str(), value.get())));
  outputs_[index] = std::move(value);
  dynamic_[index] = false;
  complete_ = false;
  return Status::Ok();
}

Status OrtBinding::BindDynamicOutput(size_t index) {
  if (index >= outputs_.size()) {
    return {ErrorCode::kInvalidArgument, "outputs: there is no index " + std::to_string(index)};
  }
  ONLITE_RETURN_IF_ERROR(Bound(Functions().BindOutputToDevice(
      binding_.get(), signature_.outputs[index].name.c_str(), cpu_)));
  outputs_[index].reset();
  dynamic_[index] = true;
  complete_ = false;
  succeeded_ = false;
  return Status::Ok();
}

Status OrtBinding::CheckComplete() const {
  for (size_t index = 0; index < inputs_.size(); ++index) {
    const ValueInfo& info = signature_.inputs[index];
    if (inputs_[index] == nullptr && !info.optional) {
      return {ErrorCode::kInvalidArgument, "inputs." + info.name + ": missing"};
    }
  }
  return Status::Ok();
}

Status OrtBinding::RenewDynamicOutputs() {
  if (!has_outputs_) return Status::Ok();
  has_outputs_ = false;
  for (size_t index = 0; index < dynamic_.size(); ++index) {
    if (!dynamic_[index]) continue;
    ONLITE_RETURN_IF_ERROR(Bound(Functions().BindOutputToDevice(
        binding_.get(), signature_.outputs[index].name.c_str(), cpu_)));
  }
  return Status::Ok();
}

Status OrtBinding::Run(CancelToken* cancel, RunTimes* times) {
  if (!complete_) {
    ONLITE_RETURN_IF_ERROR(CheckComplete());
    complete_ = true;
  }
  ONLITE_RETURN_IF_ERROR(RenewDynamicOutputs());
  if (cancel != nullptr && run_options_ == nullptr) {
    OrtRunOptions* options = nullptr;
    ONLITE_RETURN_IF_ERROR(Bound(Functions().CreateRunOptions(&options)));
    run_options_.reset(options);
  }
  const int64_t started = times != nullptr ? MonotonicNow() : 0;
  Status status;
  bool cancelled = false;
  {
    const Cancellation cancellation(cancel, run_options_.get());
    cancelled = cancellation.cancelled();
    if (!cancelled) {
      status = Check(Functions().RunWithBinding(session_, run_options_.get(), binding_.get()),
                     Stage::kRun, "the run failed");
      cancelled = cancellation.cancelled();
    }
  }
  if (times != nullptr) times->invoke_ns = MonotonicNow() - started;
  has_outputs_ = true;
  if (!cancelled) {
    succeeded_ = status.ok();
    return status;
  }
  succeeded_ = false;
  // The options serve the next run too.
  ONLITE_RETURN_IF_ERROR(Bound(Functions().RunOptionsUnsetTerminate(run_options_.get())));
  return {ErrorCode::kCancelled, "the run was cancelled", status.cause()};
}

Status OrtBinding::TakeOutput(size_t index, Value* value) {
  if (index >= outputs_.size() || !dynamic_[index]) {
    return {ErrorCode::kInvalidArgument, "outputs: index is not bound as dynamic"};
  }
  if (!succeeded_) return {ErrorCode::kInvalidArgument, "outputs: no run has given any yet"};
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  // Every bound output's value, in the order in which they were bound first.
  char* names = nullptr;
  size_t* lengths = nullptr;
  size_t count = 0;
  ONLITE_RETURN_IF_ERROR(
      Bound(Functions().GetBoundOutputNames(binding_.get(), allocator, &names, &lengths, &count)));
  size_t place = count;
  const std::string& name = signature_.outputs[index].name;
  const char* at = names;
  for (size_t bound = 0; bound < count; at += lengths[bound], ++bound) {
    if (name == std::string_view(at, lengths[bound])) place = bound;
  }
  if (names != nullptr) static_cast<void>(Bound(Functions().AllocatorFree(allocator, names)));
  if (lengths != nullptr) static_cast<void>(Bound(Functions().AllocatorFree(allocator, lengths)));

  OrtValue** values = nullptr;
  ONLITE_RETURN_IF_ERROR(
      Bound(Functions().GetBoundOutputValues(binding_.get(), allocator, &values, &count)));
  ValueHandle result;
  for (size_t bound = 0; bound < count; ++bound) {
    ValueHandle owned(values[bound]);
    if (bound == place) result = std::move(owned);
  }
  if (values != nullptr) static_cast<void>(Bound(Functions().AllocatorFree(allocator, values)));
  if (result == nullptr) {
    return {ErrorCode::kRunFailed, "outputs." + name + ": the run gave no value"};
  }
  return TakeValue(std::move(result), name, value);
}

}  // namespace onlite::ort
