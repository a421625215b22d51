#include "napi/run/native_rows.h"

#include <cstring>
#include <utility>

#include "napi/convert/errors.h"
#include "napi/convert/raw_method.h"
#include "napi/environment/environment.h"
#include "napi/session/session_jobs.h"
#include "session/batch_support.h"
#include "session/batched_run.h"

namespace onlite {
namespace {

// Marks the Externals of Wrap, so that a foreign External is refused.
constexpr napi_type_tag kPartsTag = {0x6f6e6c6974652d72ULL, 0x6f77732d70617274ULL};

}  // namespace

struct NativeRows::Parts {
  std::shared_ptr<SessionCore> session;
  std::shared_ptr<const RowsMemory> memory;
};

/// The runs of a NativeRows, one after the other.
class RowsJob final : public Job, public BatchedRun {
 public:
  /// `owner` keeps itself alive until the job is its own again.
  RowsJob(NativeRows* owner, std::shared_ptr<SessionCore> session,
          std::shared_ptr<const RowsMemory> memory)
      : BatchedRun(std::move(session)), owner_(owner), memory_(std::move(memory)) {}

  /// Before each run. JS thread.
  void Prepare(int64_t called_at) {
    cancel.Reset();
    called_at_ = called_at;
    has_part_ = false;
    result_ = {};
  }

  size_t rows() const override { return memory_->rows; }
  const RunRequest& request() const override { return memory_->arguments.request; }
  CancelToken& token() override { return cancel; }

  void TakePart(std::vector<Value> outputs, size_t batch_rows, int64_t started,
                const RunTimes& times) override {
    queue_ns_ = started - called_at_;
    batch_rows_ = batch_rows;
    result_ = {std::move(outputs), times};
    WriteOut();
    has_part_ = true;
  }

  bool UsesCallersMemory() const override { return true; }

  Status Execute() override {
    if (has_part_) return Status::Ok();
    if (!core()->session) return SessionReleased();
    queue_ns_ = MonotonicNow() - called_at_;
    batch_rows_ = rows();
    RunRequest request = memory_->arguments.request;
    request.cancel = &cancel;
    ONLITE_RETURN_IF_ERROR(core()->session->Run(request, &result_));
    CheckRows(result_);
    WriteOut();
    return Status::Ok();
  }

  Napi::Value Result(Napi::Env env) override {
    Napi::Value outputs;
    // Of other shapes than the model declares.
    if (!result_.outputs.empty()) outputs = OutputsToJs(env, result_);
    core()->RecordSuccess(posting.id, called_at_, queue_ns_, result_.times, 0, batch_rows_);
    return outputs;
  }

  void Failed(ErrorCode code) override { core()->RecordFailure(posting.id, called_at_, code); }

  void Retire(std::unique_ptr<Job> self) override {
    owner_->Keep(std::unique_ptr<RowsJob>(static_cast<RowsJob*>(self.release())));
  }

 private:
  /// Copies the results to where JavaScript expects them, unless they do not fit there.
  void WriteOut() {
    for (size_t index = 0; index < result_.outputs.size(); ++index) {
      const Value& value = result_.outputs[index];
      const TensorView& memory = memory_->outputs[index];
      if (value.kind != Value::Kind::kTensor || value.tensor.type != memory.type ||
          value.tensor.dims != memory.dims || value.tensor.byte_length != memory.byte_length) {
        return;
      }
    }
    for (size_t index = 0; index < result_.outputs.size(); ++index) {
      const TensorView& memory = memory_->outputs[index];
      if (memory.byte_length == 0) continue;
      std::memcpy(memory.data, result_.outputs[index].tensor.data, memory.byte_length);
    }
    result_.outputs.clear();
  }

  NativeRows* const owner_;
  const std::shared_ptr<const RowsMemory> memory_;
  int64_t called_at_ = 0;
  int64_t queue_ns_ = 0;
  size_t batch_rows_ = 0;
  bool has_part_ = false;
  RunResult result_;
};

Napi::Function NativeRows::Define(Napi::Env env) {
  return DefineClass(env, "NativeRows",
                     {PropertyDescriptor(RawMethod("run", &StartMethod<NativeRows>))});
}

Napi::Object NativeRows::Wrap(Napi::Env env, std::shared_ptr<SessionCore> session,
                              napi_value inputs, napi_value outputs) {
  auto memory = std::make_shared<RowsMemory>();
  RunArguments& arguments = memory->arguments;
  ReadRunArguments(env, session->info, inputs, outputs, FeedPolicy::kAsynchronous, &arguments);
  for (RunOutput& output : arguments.request.outputs) {
    if (output.into.data == nullptr) ThrowInvalidArgument(env, "outputs: expected memory");
    memory->outputs.push_back(std::exchange(output.into, {}));
  }
  memory->rows = session->batches ? BatchRows(*session, arguments.request, false) : 0;
  if (memory->rows == 0 || arguments.snapshots) {
    ThrowInvalidArgument(env, "inputs: not what a batch of this session takes");
  }
  Parts parts{std::move(session), std::move(memory)};
  auto external = Napi::External<Parts>::New(env, &parts);
  Check(env, napi_type_tag_object(env, external, &kPartsTag));
  return Construct(env, Environment::Of(env).rows_class, {external});
}

NativeRows::NativeRows(const Napi::CallbackInfo& info) : Napi::ObjectWrap<NativeRows>(info) {
  const Napi::Env env = info.Env();
  bool genuine = false;
  if (info[0].IsExternal()) {
    Check(env, napi_check_object_type_tag(env, info[0], &kPartsTag, &genuine));
  }
  if (!genuine) ThrowInvalidArgument(env, "NativeRows cannot be constructed");
  const Parts& parts = *info[0].As<Napi::External<Parts>>().Data();
  session_ = parts.session;
  memory_ = parts.memory;
}

NativeRows::~NativeRows() = default;

void NativeRows::Keep(std::unique_ptr<RowsJob> job) {
  idle_job_ = std::move(job);
  busy_ = false;
  Unref();
}

void NativeRows::Start(Napi::Env env, napi_value id) {
  if (session_->released) ThrowStatus(env, SessionReleased());
  if (busy_) ThrowStatus(env, {ErrorCode::kBusy, "the run is in flight"});
  const JobId job_id = ReadJobId(env, id);
  std::unique_ptr<RowsJob> job = std::move(idle_job_);
  if (!job) job = std::make_unique<RowsJob>(this, session_, memory_);
  job->Prepare(session_->Clock());
  BatchMember* const member = job.get();
  Environment& environment = Environment::Of(env);
  Check(env, session_->RecordPost(
                 session_->keeps_rows
                     ? environment.PostToBatch(*session_->batches, job_id, std::move(job), member)
                     : environment.Post(*session_->queue, job_id, std::move(job))));
  busy_ = true;
  Ref();
}

}  // namespace onlite
