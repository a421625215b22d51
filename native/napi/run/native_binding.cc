#include "napi/run/native_binding.h"

#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "napi/convert/errors.h"
#include "napi/convert/raw_method.h"
#include "napi/convert/tagged.h"
#include "napi/environment/environment.h"
#include "napi/run/binding_run_job.h"
#include "napi/run/copy_to_host_job.h"
#include "session/batch_support.h"
#include "session/run_guarded.h"

namespace onlite {
namespace {

constexpr Tagged<std::shared_ptr<BindingCore>> kCore(0x6f6e6c6974652d62ULL, 0x696e64696e672d31ULL);

/// SIZE_MAX for what is no index.
size_t ReadIndex(const Napi::Value& value) {
  const int64_t index = value.IsNumber() ? value.As<Napi::Number>().Int64Value() : -1;
  return index < 0 ? SIZE_MAX : static_cast<size_t>(index);
}

}  // namespace

Napi::Function NativeBinding::Define(Napi::Env env) {
  return DefineClass(env, "NativeBinding",
                     {PropertyDescriptor(SafeMethod<&NativeBinding::SetInputs>("setInputs")),
                      PropertyDescriptor(SafeMethod<&NativeBinding::SetOutputs>("setOutputs")),
                      PropertyDescriptor(SafeMethod<&NativeBinding::Carry>("carry")),
                      PropertyDescriptor(SafeMethod<&NativeBinding::KeepOutput>("keep")),
                      PropertyDescriptor(SafeMethod<&NativeBinding::Read>("read")),
                      PropertyDescriptor(SafeMethod<&NativeBinding::CopyToHost>("copyToHost")),
                      PropertyDescriptor(SafeMethod<&NativeBinding::Close>("close")),
                      PropertyDescriptor(RawMethod("run", &StartMethod<NativeBinding>))});
}

Napi::Object NativeBinding::Wrap(Napi::Env env, const Napi::Value& owner,
                                 std::shared_ptr<AttachedSession> session, size_t signature) {
  auto core = std::make_shared<BindingCore>();
  Check(env, session->core().session->CreateBinding(signature, &core->binding));
  core->signature = signature;
  core->session = std::move(session);
  core->session->core().AddBinding(core);
  return Construct(env, Environment::Of(env).binding_class, {kCore.Refer(env, &core), owner});
}

NativeBinding::NativeBinding(const Napi::CallbackInfo& info)
    : Napi::ObjectWrap<NativeBinding>(info) {
  const Napi::Env env = info.Env();
  const std::shared_ptr<BindingCore>* const core = kCore.Read(env, info[0]);
  if (core == nullptr) ThrowInvalidArgument(env, "NativeBinding cannot be constructed");
  core_ = *core;
  inputs_.resize(Values(BoundMemory::Use::kInput).size());
  outputs_.resize(Values(BoundMemory::Use::kOutput).size());
  core_->carried.resize(inputs_.size());
  auto self = info.This().As<Napi::Object>();
  // A session that is collected is closed, under whatever uses it.
  self.DefineProperty(Napi::PropertyDescriptor::Value("session", info[1]));
  DefineRunSync(env, self);
}

// A function of each binding's own: finding the binding by the receiver, as a
// method does, costs 4 % of the smallest run.
void NativeBinding::DefineRunSync(Napi::Env env, Napi::Object self) {
  callee_ = std::make_shared<Callee>(Callee{this});
  napi_value function = nullptr;
  Check(env, napi_create_function(env, "runSync", NAPI_AUTO_LENGTH, &NativeBinding::RunSync,
                                  callee_.get(), &function));
  auto keeper = std::make_unique<std::shared_ptr<Callee>>(callee_);
  Check(env,
        napi_add_finalizer(
            env, function, keeper.get(),
            [](napi_env, void* data, void*) { delete static_cast<std::shared_ptr<Callee>*>(data); },
            nullptr, nullptr));
  static_cast<void>(keeper.release());
  self.DefineProperty(Napi::PropertyDescriptor::Value("runSync", Napi::Value(env, function)));
}

NativeBinding::~NativeBinding() {
  if (callee_) callee_->binding = nullptr;
  if (core_) session().core().CloseBinding(*core_);
}

const std::vector<ValueInfo>& NativeBinding::Values(BoundMemory::Use use) const {
  const SignatureInfo& signature = session().core().info.signatures[core_->signature];
  return use == BoundMemory::Use::kInput ? signature.inputs : signature.outputs;
}

void NativeBinding::RequireIdle(Napi::Env env) const {
  if (session().released()) ThrowStatus(env, SessionReleased());
  if (!core_->binding) ThrowStatus(env, {ErrorCode::kTensorDisposed, "the binding was disposed"});
  if (busy_) {
    ThrowStatus(env, {ErrorCode::kBusy, "the binding's own run is in flight"});
  }
}

Status NativeBinding::BindView(BoundMemory::Use use, size_t index, bool asynchronous) {
  const bool input = use == BoundMemory::Use::kInput;
  Slot& slot = (input ? inputs_ : outputs_)[index];
  TensorView view;
  ONLITE_RETURN_IF_ERROR(slot.memory->ViewFor(asynchronous, &view));
  ONLITE_RETURN_IF_ERROR(input             ? core_->binding->BindInput(index, view)
                         : core_->flexible ? core_->binding->BindFlexibleOutput(index, view)
                                           : core_->binding->BindOutput(index, view));
  slot.copied = slot.memory->IsCopied(asynchronous);
  return Status::Ok();
}

void NativeBinding::RequireApart(Napi::Env env, BoundMemory::Use use, size_t index) const {
  const bool input = use == BoundMemory::Use::kInput;
  const BoundMemory& memory = *(input ? inputs_ : outputs_)[index].memory;
  for (const BoundMemory::Use other_use : {BoundMemory::Use::kInput, BoundMemory::Use::kOutput}) {
    const bool other_input = other_use == BoundMemory::Use::kInput;
    // Inputs are only read.
    if (input && other_input) continue;
    const std::vector<Slot>& slots = other_input ? inputs_ : outputs_;
    for (size_t other = 0; other < slots.size(); ++other) {
      if (!slots[other].memory || &*slots[other].memory == &memory) continue;
      if (!Overlap(memory.view(), slots[other].memory->view())) continue;
      const std::string& name = Values(use)[index].name;
      const std::string& other_name = Values(other_use)[other].name;
      // Memory that has gone may be where new memory is; no run will use it.
      const char* const list = other_input ? "inputs" : "outputs";
      if (!slots[other].memory->CheckAttached(env, list, other_name).ok()) continue;
      ThrowOverlap(env, input ? other_name : name, input ? "inputs" : list,
                   input ? name : other_name);
    }
  }
}

void NativeBinding::Set(Napi::Env env, napi_value tensors, BoundMemory::Use use) {
  const bool input = use == BoundMemory::Use::kInput;
  std::vector<Slot>& slots = input ? inputs_ : outputs_;
  std::vector<EncodedTensor> encoded = ReadTensors(env, tensors, input ? "inputs" : "outputs");
  // After the arrays were read, which may have run JavaScript.
  RequireIdle(env);
  // What is set before another is refused counts too.
  needs_care_ = true;
  in_place_ = false;
  core_->rows = 0;
  for (EncodedTensor& tensor : encoded) {
    const size_t index = tensor.index;
    if (index >= slots.size()) ThrowInvalidArgument(env, "there is no such input or output");
    if (tensor.is_sequence) {
      ThrowStatus(env, {ErrorCode::kUnsupported, "a sequence cannot be bound to memory"});
    }
    Slot slot;
    slot.dynamic = !input && !tensor.has_memory;
    if (slot.dynamic) {
      Check(env, core_->binding->BindDynamicOutput(index));
    } else {
      const napi_value data = tensor.data;
      slot.memory.emplace(env, ResolveTensor(env, std::move(tensor)), data);
    }
    // What was bound before stays if the new one is refused.
    std::swap(slots[index], slot);
    if (slots[index].dynamic) continue;
    try {
      RequireApart(env, use, index);
      Check(env, BindView(use, index, ran_asynchronously_));
    } catch (...) {
      std::swap(slots[index], slot);
      throw;
    }
    if (input) core_->carried[index] = {};
  }
  ListDynamicOutputs();
  NoteCare();
  CountCopies();
  CountRows();
  NotePlaces();
}

void NativeBinding::NoteCare() {
  needs_care_ = false;
  for (const std::vector<Slot>* all : {&inputs_, &outputs_}) {
    for (const Slot& slot : *all) {
      needs_care_ = needs_care_ || (slot.memory && !slot.memory->IsAlwaysInPlace());
    }
  }
}

void NativeBinding::NotePlaces() {
  in_place_ = true;
  for (const std::vector<Slot>* all : {&inputs_, &outputs_}) {
    for (const Slot& slot : *all) {
      if (slot.memory && (slot.copied || slot.memory->IsCopied(false))) in_place_ = false;
    }
  }
}

void NativeBinding::CountRows() {
  const SessionCore& session = this->session().core();
  if (!session.batches || !core_->flexible || needs_care_) return;
  RunRequest request;
  request.signature = core_->signature;
  for (size_t index = 0; index < inputs_.size(); ++index) {
    if (!inputs_[index].memory) continue;
    RunInput& input = request.inputs.emplace_back();
    input.index = index;
    input.tensor = inputs_[index].memory->view();
  }
  core_->outputs.clear();
  for (size_t index = 0; index < outputs_.size(); ++index) {
    if (!outputs_[index].memory) return;
    request.outputs.emplace_back().index = index;
    core_->outputs.push_back(outputs_[index].memory->view());
  }
  core_->rows = BatchRows(session, request, false);
  core_->request = std::move(request);
}

void NativeBinding::CountCopies() {
  copied_bytes_ = 0;
  for (const Slot& slot : inputs_) {
    if (slot.memory && slot.memory->IsCopied(true)) copied_bytes_ += slot.memory->byte_length();
  }
}

void NativeBinding::ListDynamicOutputs() {
  core_->dynamic_outputs.clear();
  for (size_t index = 0; index < outputs_.size(); ++index) {
    if (outputs_[index].dynamic && !outputs_[index].kept) core_->dynamic_outputs.push_back(index);
  }
}

void NativeBinding::FeedBack(Napi::Env env, size_t output, size_t input) {
  if (outputs_[output].on_device) {
    Check(env, core_->binding->FeedBack(output, input));
    inputs_[input] = {};
    core_->carried[input] = {};
    return;
  }
  onlite::Value value;
  Check(env, core_->binding->TakeOutput(output, &value));
  if (value.kind != onlite::Value::Kind::kTensor) {
    ThrowStatus(env, {ErrorCode::kUnsupported, "only tensors can be carried"});
  }
  Check(env, core_->binding->BindInput(input, value.tensor));
  // The binding refers to the new memory by now.
  inputs_[input] = {};
  core_->carried[input] = std::move(value);
}

void NativeBinding::RequireCarriable(Napi::Env env, size_t output, size_t input) {
  if (output >= outputs_.size() || input >= inputs_.size()) {
    ThrowInvalidArgument(env, "carry: there is no such input or output");
  }
  if (outputs_[output].kept) return;
  if (!outputs_[output].memory || !inputs_[input].memory) {
    ThrowInvalidArgument(env, "carry: expected an output and an input that have memory");
  }
  const BoundMemory& from = *outputs_[output].memory;
  const BoundMemory& to = *inputs_[input].memory;
  if (from.view().type != to.view().type || from.view().dims != to.view().dims) {
    ThrowInvalidArgument(env, "carry: expected an output and an input of one type and shape");
  }
  Check(env, from.CheckAttached(env, "outputs", Values(BoundMemory::Use::kOutput)[output].name));
  Check(env, to.CheckAttached(env, "inputs", Values(BoundMemory::Use::kInput)[input].name));
}

Status NativeBinding::CarryOne(size_t output, size_t input) {
  BoundMemory& from = *outputs_[output].memory;
  BoundMemory& to = *inputs_[input].memory;
  if (session().core().info.engine == Engine::kTfLite) {
    // Arranging an interpreter's memory anew costs more than copying a state.
    if (to.byte_length() > 0) {
      std::memcpy(to.view().data, from.view().data, to.byte_length());
    }
    return Status::Ok();
  }
  from.Exchange(&to);
  ONLITE_RETURN_IF_ERROR(BindView(BoundMemory::Use::kInput, input, ran_asynchronously_));
  return BindView(BoundMemory::Use::kOutput, output, ran_asynchronously_);
}

// carry([output, input, …]): whether the two have exchanged their memory; else the
// output's was copied to the input's.
Napi::Value NativeBinding::Carry(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsArray()) ThrowInvalidArgument(env, "carry: expected an array");
  const auto pairs = info[0].As<Napi::Array>();
  std::vector<size_t> indexes;
  for (uint32_t at = 0; at < pairs.Length(); ++at) {
    const Napi::Value index = pairs.Get(at);
    if (!index.IsNumber()) ThrowInvalidArgument(env, "carry: expected indexes");
    indexes.push_back(index.As<Napi::Number>().Uint32Value());
  }
  // After the array was read, which may have run JavaScript.
  RequireIdle(env);
  // All or none: what was exchanged must be what JavaScript exchanges. To feed back again what
  // has been fed back is no change.
  for (size_t at = 0; at + 1 < indexes.size(); at += 2) {
    RequireCarriable(env, indexes[at], indexes[at + 1]);
  }
  in_place_ = false;
  for (size_t at = 0; at + 1 < indexes.size(); at += 2) {
    if (outputs_[indexes[at]].kept) FeedBack(env, indexes[at], indexes[at + 1]);
  }
  Status status;
  size_t at = 0;
  for (; status.ok() && at + 1 < indexes.size(); at += 2) {
    if (!outputs_[indexes[at]].kept) status = CarryOne(indexes[at], indexes[at + 1]);
  }
  for (; !status.ok() && at > 0; at -= 2) {
    if (!outputs_[indexes[at - 2]].kept) {
      static_cast<void>(CarryOne(indexes[at - 2], indexes[at - 1]));
    }
  }
  NoteCare();
  CountCopies();
  NotePlaces();
  Check(env, status);
  return Napi::Boolean::New(env, session().core().info.engine != Engine::kTfLite);
}

// keep(output, onDevice): what a run leaves in a dynamic output stays where it is, for `carry` and
// `read`, or on the device, for `carry` and `copyToHost`; false if it does not stay.
Napi::Value NativeBinding::KeepOutput(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const size_t output = info[0].IsNumber() ? info[0].As<Napi::Number>().Uint32Value() : SIZE_MAX;
  RequireIdle(env);
  if (output >= outputs_.size() || !outputs_[output].dynamic) {
    ThrowInvalidArgument(env, "keep: expected a dynamic output");
  }
  Slot& slot = outputs_[output];
  slot.on_device = info[1].IsBoolean() && info[1].As<Napi::Boolean>().Value();
  if (slot.on_device) Check(env, core_->binding->BindDeviceOutput(output));
  slot.kept = slot.on_device || core_->binding->OwnsOutput(output);
  ListDynamicOutputs();
  return Napi::Boolean::New(env, slot.kept);
}

// read(output, input): a copy of what the last run left in a kept output, or of what the input
// reads that it has become (with an output of -1).
Napi::Value NativeBinding::Read(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const size_t output = ReadIndex(info[0]);
  const size_t input = ReadIndex(info[1]);
  RequireIdle(env);
  if (output < outputs_.size() && outputs_[output].kept) {
    onlite::Value value;
    Check(env, core_->binding->TakeOutput(output, &value));
    return {env, ValueToJs(env, value)};
  }
  if (input >= inputs_.size() || !core_->carried[input].owner) {
    ThrowInvalidArgument(env, "read: expected a kept output, or an input that one has become");
  }
  // Its own hold: making JavaScript's values may run JavaScript.
  const onlite::Value value = core_->carried[input];
  return {env, ValueToJs(env, value)};
}

// copyToHost(id, output, input): a job that copies what is on the device; the arguments are read's.
Napi::Value NativeBinding::CopyToHost(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const JobId id = ReadJobId(env, info[0]);
  const size_t output = ReadIndex(info[1]);
  const size_t input = ReadIndex(info[2]);
  RequireIdle(env);
  const bool is_input = output == SIZE_MAX;
  const Binding::Place place{.is_input = is_input, .index = is_input ? input : output};
  auto job = std::make_unique<CopyToHostJob>(this, core_, place);
  Check(env, Environment::Of(env).Post(*session().core().queue, id, std::move(job)));
  busy_ = true;
  Ref();
  return env.Undefined();
}

void NativeBinding::Copied() {
  busy_ = false;
  Unref();
}

// close(): gives the runtime's memory back; the binding cannot be run any more.
Napi::Value NativeBinding::Close(const Napi::CallbackInfo& info) {
  if (!busy_) session().core().CloseBinding(*core_);
  return info.Env().Undefined();
}

void NativeBinding::Prepare(Napi::Env env, bool asynchronous) {
  if (!needs_care_) return;
  ran_asynchronously_ = asynchronous;
  in_place_ = false;
  for (const BoundMemory::Use use : {BoundMemory::Use::kInput, BoundMemory::Use::kOutput}) {
    const bool input = use == BoundMemory::Use::kInput;
    std::vector<Slot>& slots = input ? inputs_ : outputs_;
    for (size_t index = 0; index < slots.size(); ++index) {
      if (!slots[index].memory) continue;
      BoundMemory& memory = *slots[index].memory;
      Check(env, memory.CheckAttached(env, input ? "inputs" : "outputs", Values(use)[index].name));
      if (memory.IsCopied(asynchronous) != slots[index].copied) {
        Check(env, BindView(use, index, asynchronous));
      }
      if (input && memory.IsCopied(asynchronous)) memory.CopyIn();
    }
  }
  NotePlaces();
}

void NativeBinding::Finished(Napi::Env env, bool succeeded) {
  busy_ = false;
  if (succeeded) CopyOut(env, true);
}

void NativeBinding::CopyOut(Napi::Env env, bool asynchronous) {
  for (size_t index = 0; index < outputs_.size(); ++index) {
    if (!outputs_[index].memory || !outputs_[index].memory->IsCopied(asynchronous)) continue;
    BoundMemory& memory = *outputs_[index].memory;
    Check(env, memory.CheckAttached(env, "outputs", Values(BoundMemory::Use::kOutput)[index].name));
    memory.CopyOut();
  }
}

Napi::Value NativeBinding::SetInputs(const Napi::CallbackInfo& info) {
  Set(info.Env(), info[0], BoundMemory::Use::kInput);
  return info.Env().Undefined();
}

Napi::Value NativeBinding::SetOutputs(const Napi::CallbackInfo& info) {
  if (info[1].IsBoolean() && info[1].As<Napi::Boolean>().Value()) core_->flexible = true;
  Set(info.Env(), info[0], BoundMemory::Use::kOutput);
  return info.Env().Undefined();
}

void NativeBinding::Keep(std::unique_ptr<BindingRunJob> job) {
  idle_job_ = std::move(job);
  Unref();
}

void NativeBinding::Start(Napi::Env env, napi_value id) {
  SessionCore& session = this->session().core();
  const int64_t called_at = session.Clock();
  RequireIdle(env);
  const JobId job_id = ReadJobId(env, id);
  Prepare(env, true);
  std::unique_ptr<BindingRunJob> job = std::move(idle_job_);
  if (!job) job = std::make_unique<BindingRunJob>(this, core_);
  job->Prepare(called_at, copied_bytes_);
  BatchMember* const member = job.get();
  Environment& environment = Environment::Of(env);
  Check(env, session.RecordPost(
                 core_->rows > 0 && session.keeps_rows
                     ? environment.PostToBatch(*session.batches, job_id, std::move(job), member)
                     : environment.Post(*session.queue, job_id, std::move(job))));
  busy_ = true;
  Ref();
}

Napi::Value NativeBinding::RunWithCare(Napi::Env env) {
  RequireIdle(env);
  AttachedSession& session = this->session();
  const int64_t called_at = MonotonicNow();
  Prepare(env, false);
  if (!EnterSynchronousRun(session.core())) ThrowStatus(env, EveryInterpreterBusy());
  RunTimes times;
  const Status status = RunGuarded([&] { return core_->binding->Run(nullptr, &times); });
  LeaveSynchronousRun(session.core());
  if (!status.ok()) session.RecordFailure(RunRecords::kSynchronous, called_at, status.code());
  Check(env, status);
  CopyOut(env, false);
  session.RecordSynchronous(times.invoke_ns, MonotonicNow() - called_at);
  return TakeOutputs(env);
}

Napi::Value NativeBinding::TakeOutputs(Napi::Env env) {
  std::vector<onlite::Value> outputs;
  Check(env, session().core().TakeOutputs(*core_, &outputs));
  return UnboundOutputsToJs(env, outputs);
}

bool NativeBinding::IsFree() const {
  return !busy_ && !session().released() && core_->binding && core_->dynamic_outputs.empty();
}

bool NativeBinding::IsReady(Way way) const {
  return IsFree() && (!needs_care_ || (way.attached && in_place_));
}

bool NativeBinding::PlaceForInline(Napi::Env env, Way way) {
  if (!way.inlined || !way.attached || in_place_ || !IsFree() || !session().MayRunInline()) {
    return false;
  }
  Prepare(env, false);
  return in_place_;
}

std::optional<Status> NativeBinding::RunAtOnce(Way way) {
  AttachedSession& session = this->session();
  SessionCore& core = session.core();
  if (!IsReady(way) || (way.inlined && !session.MayRunInline())) return std::nullopt;
  // All but the run itself takes less than a second pair of clock readings
  // would, so one time serves as invoke and as total.
  const bool timed = way.inlined || core.record_latency;
  const int64_t started = timed ? MonotonicNow() : 0;
  if (!EnterSynchronousRun(core)) return std::nullopt;
  Status status = RunGuarded([&] { return core_->binding->Run(nullptr, nullptr); });
  const int64_t taken = timed ? MonotonicNow() - started : 0;
  LeaveSynchronousRun(core);
  if (!status.ok()) {
    session.RecordFailure(RunRecords::kSynchronous, started, status.code());
  } else if (way.inlined) {
    session.RecordInline(taken, taken);
  } else {
    session.RecordSynchronous(taken, taken);
  }
  return status;
}

napi_value NativeBinding::RunSync(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument = nullptr;
  void* data = nullptr;
  if (napi_get_cb_info(env, info, &count, &argument, nullptr, &data) != napi_ok) return nullptr;
  NativeBinding* const binding = static_cast<Callee*>(data)->binding;
  uint32_t bits = 0;
  if (count > 0) napi_get_value_uint32(env, argument, &bits);
  const Way way{.inlined = (bits & 1U) != 0, .attached = (bits & 2U) != 0};
  std::optional<Status> status;
  if (binding != nullptr) {
    status = binding->RunAtOnce(way);
    if (status && status->ok() && !binding->core_->binding->strayed()) return nullptr;
  }
  return CallSafely(env, [&]() -> napi_value {
    if (way.inlined && !status) {
      if (binding != nullptr && binding->PlaceForInline(env, way)) status = binding->RunAtOnce(way);
      if (!status) return Napi::Boolean::New(env, false);
    }
    if (binding == nullptr) ThrowStatus(env, SessionReleased());
    if (!status) return binding->RunWithCare(env);
    Check(env, *status);
    return binding->TakeOutputs(env);
  });
}

}  // namespace onlite
