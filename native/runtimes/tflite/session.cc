#include "runtimes/tflite/session.h"

#include <algorithm>
#include <string>
#include <utility>

#include "core/latency.h"
#include "runtimes/tflite/binding.h"
#include "runtimes/tflite/invocation.h"
#include "runtimes/tflite/request.h"
#include "runtimes/tflite/tensors.h"
#include "runtimes/tflite/xnnpack.h"

namespace onlite::tflite {

Status TfLiteSession::Create(const Library& library, const ModelSource& source,
                             const SessionOptions& options, std::unique_ptr<Session>* session) {
  std::vector<ProviderPlan> plans;
  ONLITE_RETURN_IF_ERROR(PlanProviders(library, options, &plans));
  std::unique_ptr<Model> model;
  ONLITE_RETURN_IF_ERROR(Model::Create(library, source.bytes, &model));
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
  ONLITE_RETURN_IF_ERROR(created->Start(plans));
  ONLITE_RETURN_IF_ERROR(created->AllocateFixedShapes());
  *session = std::move(created);
  return Status::Ok();
}

Status TfLiteSession::Start(const std::vector<ProviderPlan>& plans) {
  // What nothing can run is the model's fault, not a provider's: the trial comes
  // first, with tensors where their shapes are known.
  const EntryPoint& primary = model_->info().entry_points[0];
  if (primary.fixed_shapes) {
    const Status allocated = shapes_.Check(0, DeclaredShapes());
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
  for (const ProviderPlan& plan : plans) {
    started = Start(plan);
    if (started.code() != ErrorCode::kProviderUnavailable) break;
  }
  return started;
}

Status TfLiteSession::Start(const ProviderPlan& plan) {
  const Library& library = model_->library();
  const Api& api = library.api();
  // A cache saves memory only where several interpreters share it.
  WeightsCacheHandle cache(nullptr, {&api});
  if (plan.xnnpack && info_.concurrency > 1 && CanShareWeights(library)) {
    cache.reset(api.XNNPackDelegateWeightsCacheCreate());
  }
  const InterpreterSettings settings{plan.threads, plan.xnnpack, cache.get()};
  auto pool = std::make_unique<InterpreterPool>(*model_, settings, info_.concurrency);
  // The pool's interpreters are destroyed before the cache on every way out.
  std::unique_ptr<Interpreter> first;
  ONLITE_RETURN_IF_ERROR(pool->Acquire(&first));
  if (cache != nullptr && !api.XNNPackDelegateWeightsCacheFinalizeSoft(cache.get())) {
    return {ErrorCode::kProviderUnavailable, "xnnpack: the weights cache cannot be finalized"};
  }
  pool->GiveBack(std::move(first));
  interpreters_.reset();
  weights_cache_ = std::move(cache);
  interpreters_ = std::move(pool);
  info_.providers = {"cpu"};
  if (plan.xnnpack) info_.providers = {"xnnpack", "cpu"};
  return Status::Ok();
}

std::vector<Dims> TfLiteSession::DeclaredShapes() const {
  std::vector<Dims> shapes;
  for (const ValueInfo& input : info_.signatures[0].inputs) shapes.push_back(input.dims);
  return shapes;
}

Status TfLiteSession::AllocateFixedShapes() {
  if (!model_->info().entry_points[0].fixed_shapes) return Status::Ok();
  Lease lease(interpreters_.get());
  ONLITE_RETURN_IF_ERROR(lease.Acquire());
  const Status allocated = lease.get()->SetShapes(0, DeclaredShapes());
  if (allocated.ok()) return allocated;
  return {ErrorCode::kModelInvalid, allocated.message(), allocated.cause()};
}

Status TfLiteSession::Run(const RunRequest& request, RunResult* result) {
  const int64_t started_ns = MonotonicNow();
  std::vector<const TensorView*> feeds;
  ONLITE_RETURN_IF_ERROR(CheckRequest(model_->info(), request, &feeds));
  std::vector<Dims> shapes;
  shapes.reserve(feeds.size());
  for (const TensorView* feed : feeds) shapes.push_back(feed->dims);
  ONLITE_RETURN_IF_ERROR(shapes_.Check(request.signature, shapes));
  Lease lease(interpreters_.get());
  ONLITE_RETURN_IF_ERROR(lease.AcquireFor(request.signature, shapes));
  return RunOn(lease.get(), request, feeds, shapes, started_ns, result);
}

Status TfLiteSession::RunOn(Interpreter* interpreter, const RunRequest& request,
                            const std::vector<const TensorView*>& feeds,
                            const std::vector<Dims>& shapes, int64_t started_ns,
                            RunResult* result) {
  const SignatureInfo& signature = info_.signatures[request.signature];
  const Api& api = interpreter->api();
  ONLITE_RETURN_IF_ERROR(interpreter->SetShapes(request.signature, shapes));
  const EntryRunner& runner = interpreter->runner(request.signature);
  ONLITE_RETURN_IF_ERROR(interpreter->WithdrawAll());
  for (size_t index = 0; index < feeds.size(); ++index) {
    ONLITE_RETURN_IF_ERROR(
        FeedTensor(api, *feeds[index], runner.Input(index), signature.inputs[index].name));
  }
  const int64_t bound_ns = MonotonicNow();
  ONLITE_RETURN_IF_ERROR(Invoke(interpreter, request.signature, request.cancel));
  const int64_t invoked_ns = MonotonicNow();
  result->outputs.clear();
  result->outputs.resize(request.outputs.size());
  for (size_t index = 0; index < request.outputs.size(); ++index) {
    const RunOutput& output = request.outputs[index];
    ONLITE_RETURN_IF_ERROR(FetchTensor(api, runner.Output(output.index), output.into,
                                       signature.outputs[output.index].name,
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
  *binding =
      std::make_unique<TfLiteBinding>(*model_, signature, &shapes_, interpreters_.get());
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
