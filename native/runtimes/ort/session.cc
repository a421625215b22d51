#include "runtimes/ort/session.h"

#include <algorithm>
#include <cstring>

#include "core/clock.h"
#include "runtimes/ort/binding.h"
#include "runtimes/ort/cancellation.h"
#include "runtimes/ort/device_turn.h"
#include "runtimes/ort/model_info.h"
#include "runtimes/ort/request.h"
#include "runtimes/ort/run_options.h"
#include "runtimes/ort/status.h"
#include "runtimes/ort/tensors.h"

namespace onlite::ort {
namespace {

/// The arguments of one call of Run; the values are owned here. An output
/// slot that is null is filled by the runtime.
struct Arguments {
  std::vector<const char*> input_names;
  std::vector<const OrtValue*> inputs;
  std::vector<const char*> output_names;
  std::vector<OrtValue*> outputs;
  std::vector<ValueHandle> owned_inputs;
  std::vector<ValueHandle> owned_outputs;
};

/// `given` tells which outputs ONNX Runtime is to write into the request's memory.
Status Bind(const SignatureInfo& signature, const RunRequest& request,
            const std::vector<bool>& given, OrtMemoryInfo* cpu, Arguments* arguments) {
  arguments->input_names.reserve(request.inputs.size());
  arguments->inputs.reserve(request.inputs.size());
  arguments->owned_inputs.reserve(request.inputs.size());
  for (const RunInput& input : request.inputs) {
    ValueHandle value;
    ONLITE_RETURN_IF_ERROR(input.is_sequence ? WrapSequence(input.items, cpu, &value)
                                             : WrapTensor(input.tensor, cpu, &value));
    arguments->input_names.push_back(signature.inputs[input.index].name.c_str());
    arguments->inputs.push_back(value.get());
    arguments->owned_inputs.push_back(std::move(value));
  }
  for (size_t index = 0; index < request.outputs.size(); ++index) {
    const RunOutput& output = request.outputs[index];
    ValueHandle value;
    if (given[index]) ONLITE_RETURN_IF_ERROR(WrapTensor(output.into, cpu, &value));
    arguments->output_names.push_back(signature.outputs[output.index].name.c_str());
    arguments->outputs.push_back(value.get());
    arguments->owned_outputs.push_back(std::move(value));
  }
  return Status::Ok();
}

/// Leaves in `value` the given memory's view, which the run has filled or the
/// result is copied to; or the result, if it has another shape.
Status TakeGiven(const RunOutput& output, ValueHandle handle, const std::string& name,
                 Value* value) {
  ElementType type = ElementType::kUndefined;
  Dims dims;
  ONLITE_RETURN_IF_ERROR(ReadDims(handle.get(), &type, &dims));
  const size_t bytes = TensorBytes(type, dims).value_or(SIZE_MAX);
  if (type != output.into.type || dims != output.into.dims || output.into.byte_length < bytes) {
    if (output.flexible) return TakeValue(std::move(handle), name, value);
    return {ErrorCode::kShapeMismatch, "outputs." + name + ".dims: expected " + DimsToString(dims) +
                                           ", got " + DimsToString(output.into.dims)};
  }
  void* data = nullptr;
  ONLITE_ORT_RETURN_IF_ERROR(Functions().GetTensorMutableData(handle.get(), &data), Stage::kRun,
                             "cannot read a tensor");
  if (data != output.into.data && bytes > 0) std::memmove(output.into.data, data, bytes);
  value->kind = Value::Kind::kTensor;
  value->tensor = output.into;
  ClearPadding(value->tensor);
  return Status::Ok();
}

bool IsFixed(const ValueInfo& info) {
  return !info.unknown_rank &&
         std::all_of(info.dims.begin(), info.dims.end(), [](int64_t dim) { return dim >= 0; });
}

std::vector<bool> PassedThrough(const SignatureInfo& signature) {
  std::vector<bool> passed(signature.outputs.size(), false);
  for (size_t index = 0; index < passed.size(); ++index) {
    passed[index] = std::any_of(
        signature.inputs.begin(), signature.inputs.end(),
        [&](const ValueInfo& input) { return input.name == signature.outputs[index].name; });
  }
  return passed;
}

}  // namespace

OrtModelSession::OrtModelSession(const OrtEnv* env, SessionInfo info, EmptyTensorGuard guard,
                                 std::vector<SharedBytes> read, MemoryInfoHandle cpu,
                                 SessionHandle session)
    : env_(env),
      info_(std::move(info)),
      traits_(TraitsOf(info_.providers)),
      guard_(std::move(guard)),
      passed_through_(PassedThrough(info_.signatures[0])),
      shapes_(info_.signatures[0].outputs.size()),
      read_(std::move(read)),
      cpu_(std::move(cpu)),
      session_(std::move(session)) {}

OrtModelSession::~OrtModelSession() {
  DeviceTurn turn;
  if (traits_.takes_turns) static_cast<void>(turn.Wait(nullptr));
  // Such a provider keeps contexts for the threads that ran it, and takes them out of the threads'
  // own lists at its end, without a lock.
  const CudaTurn cuda_turn(info_.captures_graphs ? CudaTurn::Kind::kAlone : traits_.cuda_turn);
  session_.reset();
}

std::vector<bool> OrtModelSession::GivenOutputs(const RunRequest& request) const {
  std::vector<bool> given(request.outputs.size(), false);
  for (size_t index = 0; index < given.size(); ++index) {
    const RunOutput& output = request.outputs[index];
    if (output.into.data == nullptr || passed_through_[output.index]) continue;
    const SignatureInfo& signature = info_.signatures[request.signature];
    given[index] = !output.flexible || (shapes_[output.index] == Shape::kAsDeclared &&
                                        CheckOutput(signature, output.index, output.into).ok());
  }
  return given;
}

void OrtModelSession::LearnShape(size_t index, const TensorView& result) {
  const ValueInfo& info = info_.signatures[0].outputs[index];
  if (result.type == ElementType::kUndefined || shapes_[index] == Shape::kOther) return;
  // A dynamic shape promises nothing: whether the memory fits is the caller's guess.
  const bool holds = !IsFixed(info) || (result.type == info.type && result.dims == info.dims);
  shapes_[index] = holds ? Shape::kAsDeclared : Shape::kOther;
}

Status OrtModelSession::Run(const RunRequest& request, RunResult* result) {
  const int64_t started = MonotonicNow();
  if (request.signature >= info_.signatures.size()) {
    return {ErrorCode::kInvalidArgument, "signature: the model has one only"};
  }
  ONLITE_RETURN_IF_ERROR(CheckRequest(info_.signatures[request.signature], request));
  ONLITE_RETURN_IF_ERROR(guard_.Check(info_.signatures[request.signature], request));
  DeviceTurn turn;
  if (traits_.takes_turns) ONLITE_RETURN_IF_ERROR(turn.TakeForRun(request.cancel));
  const CudaTurn cuda_turn(traits_.cuda_turn);
  std::vector<bool> given = GivenOutputs(request);
  Status status = RunOnce(request, given, started, result);
  if (status.code() != ErrorCode::kRunFailed && status.code() != ErrorCode::kShapeMismatch) {
    return status;
  }
  // Perhaps only because the model does not make the shape of some memory, which
  // is an error like any other to ONNX Runtime: without that memory it is none.
  // Its sessions keep nothing from run to run but where random numbers continue.
  bool again = false;
  for (size_t index = 0; index < given.size(); ++index) {
    if (!given[index] || !request.outputs[index].flexible) continue;
    given[index] = false;
    again = true;
  }
  return again ? RunOnce(request, given, started, result) : status;
}

Status OrtModelSession::RunOnce(const RunRequest& request, const std::vector<bool>& given,
                                int64_t started, RunResult* result) {
  const SignatureInfo& signature = info_.signatures[request.signature];
  Arguments arguments;
  ONLITE_RETURN_IF_ERROR(Bind(signature, request, given, cpu_.get(), &arguments));
  RunOptionsHandle options;
  ONLITE_RETURN_IF_ERROR(info_.captures_graphs ? MakeRunOptionsWithoutGraph(request, &options)
                                               : MakeRunOptions(request, &options));

  Status status;
  const int64_t bound = MonotonicNow();
  {
    Cancellation cancellation(request.cancel, options.get());
    if (!cancellation.MayStart()) return {ErrorCode::kCancelled, "the run was cancelled"};
    status = Check(Functions().Run(session_.get(), options.get(), arguments.input_names.data(),
                                   arguments.inputs.data(), arguments.inputs.size(),
                                   arguments.output_names.data(), arguments.outputs.size(),
                                   arguments.outputs.data()),
                   Stage::kRun, "the run failed");
    if (cancellation.End() && !status.ok()) {
      status = {ErrorCode::kCancelled, "the run was cancelled", status.cause()};
    }
  }
  const int64_t invoked = MonotonicNow();

  for (size_t index = 0; index < arguments.outputs.size(); ++index) {
    if (arguments.owned_outputs[index] == nullptr) {
      arguments.owned_outputs[index].reset(arguments.outputs[index]);
    }
  }
  ONLITE_RETURN_IF_ERROR(status);

  result->outputs.clear();
  result->outputs.resize(request.outputs.size());
  for (size_t index = 0; index < request.outputs.size(); ++index) {
    const RunOutput& output = request.outputs[index];
    const std::string& name = signature.outputs[output.index].name;
    ValueHandle& handle = arguments.owned_outputs[index];
    Value* value = &result->outputs[index];
    const bool has_memory = output.into.data != nullptr &&
                            signature.outputs[output.index].kind == ValueInfo::Kind::kTensor &&
                            signature.outputs[output.index].type != ElementType::kString;
    ONLITE_RETURN_IF_ERROR(has_memory ? TakeGiven(output, std::move(handle), name, value)
                                      : TakeValue(std::move(handle), name, value));
    LearnShape(output.index, value->tensor);
  }
  result->times = {bound - started, invoked - bound, MonotonicNow() - invoked};
  return Status::Ok();
}

Status OrtModelSession::CreateBinding(size_t signature, std::unique_ptr<Binding>* binding) {
  if (signature >= info_.signatures.size()) {
    return {ErrorCode::kInvalidArgument, "signature: the model has one only"};
  }
  const BoundSession session = {
      env_,       session_.get(), info_.signatures[signature], passed_through_, guard_,
      cpu_.get(), traits_};
  return info_.captures_graphs ? GraphBinding::Create(session, &graphs_, binding)
                               : OrtBinding::Create(session, binding);
}

Status OrtModelSession::EndProfiling(std::string* file) {
  OrtAllocator* allocator = nullptr;
  ONLITE_RETURN_IF_ERROR(DefaultAllocator(&allocator));
  char* name = nullptr;
  ONLITE_ORT_RETURN_IF_ERROR(Functions().SessionEndProfiling(session_.get(), allocator, &name),
                             Stage::kRun, "profiling cannot be ended");
  *file = TakeString(name);
  if (file->empty()) {
    return {ErrorCode::kUnsupported, "the session was not created with profiling"};
  }
  return Status::Ok();
}

}  // namespace onlite::ort
