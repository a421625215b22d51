#include "runtimes/tflite/session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/clock.h"
#include "runtimes/tflite/model/operator_support.h"
#include "runtimes/tflite/run/binding.h"
#include "runtimes/tflite/run/invocation.h"
#include "runtimes/tflite/run/request.h"
#include "runtimes/tflite/run/tensors.h"

namespace onlite::tflite {
namespace {

/// A delegate sets its operators up anew for a tensor that lies elsewhere; below
/// this a copy is cheaper. In bytes.
constexpr size_t kWorthPlacing = size_t{1} << 16;

/// Feeds of the shapes that the file declares, without data.
class DeclaredFeeds {
 public:
  explicit DeclaredFeeds(const SignatureInfo& signature) : tensors_(signature.inputs.size()) {
    for (size_t index = 0; index < tensors_.size(); ++index) {
      tensors_[index].dims = signature.inputs[index].dims;
      feeds_.push_back(&tensors_[index]);
    }
  }

  Feeds get() const { return feeds_; }

 private:
  std::vector<TensorView> tensors_;
  std::vector<const TensorView*> feeds_;
};

}  // namespace

Status TfLiteSession::Create(const Library& library, const ModelSource& source,
                             const SessionOptions& options, std::unique_ptr<Session>* session) {
  if (!options.custom_op_libraries.empty()) {
    return {ErrorCode::kUnsupported,
            "options.customOps: TensorFlow Lite has no entry point by which a library could "
            "register operators"};
  }
  std::vector<ProviderPlan> plans;
  ONLITE_RETURN_IF_ERROR(PlanProviders(library, options, &plans));
  std::unique_ptr<Model> model;
  ONLITE_RETURN_IF_ERROR(Model::Create(library, source.bytes, options.resize_inputs, &model));
  if (!model->only_delegate().empty()) {
    std::erase_if(plans, [](const ProviderPlan& plan) { return !plan.xnnpack; });
    if (plans.empty()) return {ErrorCode::kUnsupported, model->only_delegate() + "; XNNPACK can"};
  }
  std::unique_ptr<TfLiteSession> created(new TfLiteSession(std::move(model)));
  const ModelInfo& read = created->model_->info();
  SessionInfo& info = created->info_;
  info.engine = Engine::kTfLite;
  info.signatures = read.signatures;
  info.metadata = read.metadata;
  info.has_variables = read.has_variables;
  info.concurrency = std::max<size_t>(options.concurrency, 1);
  if (info.has_variables && info.concurrency > 1) {
    return {ErrorCode::kUnsupported,
            "concurrency: a model with variables has one interpreter, and so one run at a time"};
  }
  std::unique_ptr<StandIns> stand_ins;
  ONLITE_RETURN_IF_ERROR(CheckCustomOperators(*created->model_, &plans, &stand_ins));
  created->shapes_.SetStandIns(std::move(stand_ins));
  Status started = created->Start(plans);
  if (started.code() == ErrorCode::kModelInvalid) {
    ONLITE_RETURN_IF_ERROR(FindUnknownBuiltin(*created->model_));
  }
  ONLITE_RETURN_IF_ERROR(started);
  ONLITE_RETURN_IF_ERROR(created->AllocateFixedShapes());
  info.providers = created->providers();
  *session = std::move(created);
  return Status::Ok();
}

Status TfLiteSession::Start(const std::vector<ProviderPlan>& plans) {
  // What nothing can run is the model's fault, not a provider's: the trial comes
  // first, with tensors where their shapes are known.
  const EntryPoint& primary = model_->info().entry_points[0];
  if (primary.fixed_shapes) {
    const DeclaredFeeds declared(info_.signatures[0]);
    std::shared_ptr<const EmptyOutputs> empty;
    const Status allocated = shapes_.Check(0, declared.get(), &empty);
    if (allocated.code() == ErrorCode::kShapeMismatch) {
      return {ErrorCode::kModelInvalid, "TensorFlow Lite cannot run this model",
              allocated.cause().empty() ? allocated.message() : allocated.cause()};
    }
    ONLITE_RETURN_IF_ERROR(allocated);
  } else {
    std::unique_ptr<Interpreter> trial;
    ONLITE_RETURN_IF_ERROR(Interpreter::Create(*model_, {}, &trial));
  }
  Status started;
  for (size_t index = 0; index < plans.size(); ++index) {
    std::optional<InterpreterSettings> fallback;
    for (size_t later = plans.size() - 1; later > index; --later) {
      if (!plans[later].xnnpack) fallback = InterpreterSettings{.threads = plans[later].threads};
    }
    started = Start(plans[index], fallback);
    if (started.code() != ErrorCode::kProviderUnavailable) break;
  }
  return started;
}

std::vector<std::string> TfLiteSession::providers() const {
  if (interpreters_->settings().xnnpack) return {"xnnpack", "cpu"};
  return {"cpu"};
}

Status TfLiteSession::Start(const ProviderPlan& plan, std::optional<InterpreterSettings> fallback) {
  std::unique_ptr<SharedWeights> weights;
  if (plan.xnnpack && info_.concurrency > 1) weights = SharedWeights::Create(model_->library());
  const InterpreterSettings settings{plan.threads, plan.xnnpack,
                                     weights != nullptr ? weights->handle() : nullptr};
  auto pool = std::make_unique<InterpreterPool>(*model_, settings, info_.concurrency, fallback);
  // The pool's interpreters are destroyed before the weights on every way out.
  std::unique_ptr<Interpreter> first;
  ONLITE_RETURN_IF_ERROR(pool->Acquire(&first));
  if (weights != nullptr && !weights->Finalize()) {
    return {ErrorCode::kProviderUnavailable, "xnnpack: the packed weights cannot be shared"};
  }
  pool->GiveBack(std::move(first));
  interpreters_.reset();
  weights_ = std::move(weights);
  interpreters_ = std::move(pool);
  return Status::Ok();
}

Status TfLiteSession::AllocateFixedShapes() {
  if (!model_->info().entry_points[0].fixed_shapes) return Status::Ok();
  const DeclaredFeeds declared(info_.signatures[0]);
  std::shared_ptr<const EmptyOutputs> empty;
  Lease lease(interpreters_.get());
  Status allocated = lease.AcquireFor(0, declared.get(), &shapes_, &empty);
  if (allocated.code() != ErrorCode::kShapeMismatch) return allocated;
  return {ErrorCode::kModelInvalid, allocated.message(), allocated.cause()};
}

Status TfLiteSession::Run(const RunRequest& request, RunResult* result) {
  const int64_t started_ns = MonotonicNow();
  std::vector<const TensorView*> feeds;
  ONLITE_RETURN_IF_ERROR(CheckRequest(model_->info(), request, &feeds));
  Lease lease(interpreters_.get());
  std::shared_ptr<const EmptyOutputs> empty;
  ONLITE_RETURN_IF_ERROR(lease.AcquireFor(request.signature, feeds, &shapes_, &empty));
  if (empty != nullptr) return DeliverEmpty(*empty, request, started_ns, result);
  return RunOn(lease.get(), request, feeds, started_ns, result);
}

Status TfLiteSession::Feed(Interpreter* interpreter, size_t entry, Feeds feeds) {
  const bool may_place =
      entry == 0 && model_->info().entry_points[0].fixed_shapes && interpreter->may_place();
  ONLITE_RETURN_IF_ERROR(may_place ? interpreter->WithdrawOutputs() : interpreter->WithdrawAll());
  const EntryRunner& runner = interpreter->runner(entry);
  for (size_t index = 0; index < feeds.size(); ++index) {
    const TensorView& feed = *feeds[index];
    TfLiteTensor* tensor = runner.Input(index);
    if (may_place) {
      Placement& placement = interpreter->placement();
      const int tensor_index = runner.InputTensorIndex(index);
      if (feed.byte_length >= kWorthPlacing && feed.type != ElementType::kString &&
          placement.Place(tensor_index, tensor, feed)) {
        continue;
      }
      ONLITE_RETURN_IF_ERROR(placement.Withdraw(tensor_index, tensor));
    }
    ONLITE_RETURN_IF_ERROR(
        FeedTensor(interpreter->api(), feed, tensor, info_.signatures[entry].inputs[index].name));
  }
  return Status::Ok();
}

Status TfLiteSession::DeliverEmpty(const EmptyOutputs& empty, const RunRequest& request,
                                   int64_t started_ns, RunResult* result) const {
  if (request.cancel != nullptr && request.cancel->cancelled()) {
    return {ErrorCode::kCancelled, "the run was cancelled"};
  }
  const SignatureInfo& signature = info_.signatures[request.signature];
  result->outputs.clear();
  result->outputs.resize(request.outputs.size());
  for (size_t index = 0; index < request.outputs.size(); ++index) {
    const RunOutput& output = request.outputs[index];
    ONLITE_RETURN_IF_ERROR(FetchEmpty(empty.outputs[output.index], output.into, output.flexible,
                                      signature.outputs[output.index].name,
                                      &result->outputs[index]));
  }
  result->times = {MonotonicNow() - started_ns, 0, 0};
  return Status::Ok();
}

Status TfLiteSession::RunOn(Interpreter* interpreter, const RunRequest& request, Feeds feeds,
                            int64_t started_ns, RunResult* result) {
  const SignatureInfo& signature = info_.signatures[request.signature];
  const Api& api = interpreter->api();
  const EntryRunner& runner = interpreter->runner(request.signature);
  ONLITE_RETURN_IF_ERROR(Feed(interpreter, request.signature, feeds));
  const int64_t bound_ns = MonotonicNow();
  ONLITE_RETURN_IF_ERROR(Invoke(interpreter, request.signature, request.cancel));
  const int64_t invoked_ns = MonotonicNow();
  result->outputs.clear();
  result->outputs.resize(request.outputs.size());
  for (size_t index = 0; index < request.outputs.size(); ++index) {
    const RunOutput& output = request.outputs[index];
    ONLITE_RETURN_IF_ERROR(FetchTensor(api, runner.Output(output.index), output.into,
                                       output.flexible, signature.outputs[output.index].name,
                                       &result->outputs[index]));
  }
  result->times = {bound_ns - started_ns, invoked_ns - bound_ns, MonotonicNow() - invoked_ns};
  return Status::Ok();
}

Status TfLiteSession::CreateBinding(size_t signature, std::unique_ptr<Binding>* binding) {
  if (signature >= info_.signatures.size()) {
    return {ErrorCode::kInvalidArgument,
            "signature: there is none with index " + std::to_string(signature)};
  }
  *binding = std::make_unique<TfLiteBinding>(*model_, signature, &shapes_, interpreters_.get());
  return Status::Ok();
}

Status TfLiteSession::ResetVariables() {
  // TensorFlow Lite's own reset leaves resource variables as they are.
  if (!info_.has_variables) return Status::Ok();
  ONLITE_RETURN_IF_ERROR(interpreters_->Renew());
  return AllocateFixedShapes();
}

Status TfLiteSession::EndProfiling(std::string* /*file*/) {
  return {ErrorCode::kUnsupported, "TensorFlow Lite sessions have no profile"};
}

}  // namespace onlite::tflite
