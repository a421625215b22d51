#include "napi/session/create_session.h"

#include <algorithm>
#include <array>
#include <cstring>
#include <optional>
#include <string>
#include <utility>

#include "core/aligned_buffer.h"
#include "core/low_priority.h"
#include "napi/convert/batch_options.h"
#include "napi/convert/errors.h"
#include "napi/convert/object_reader.h"
#include "napi/convert/tagged.h"
#include "napi/convert/tensor_arguments.h"
#include "napi/environment/environment.h"
#include "napi/environment/job.h"
#include "napi/process/runtime_functions.h"
#include "napi/session/native_session.h"
#include "napi/session/session_jobs.h"
#include "runtimes/foreign_file.h"
#include "runtimes/model_file.h"
#include "session/batch_support.h"

namespace onlite {
namespace {

/// Memory behind the External of allocateBytes. Filled on the JS thread, given
/// to a session once, read-only from then on.
struct PrivateBytes {
  std::shared_ptr<uint8_t[]> data;
  size_t size = 0;
  bool taken = false;
};

constexpr Tagged<PrivateBytes> kBytes(0x6f6e6c6974652d62ULL, 0x797465732d2d2d31ULL);

PrivateBytes& ReadPrivateBytes(Napi::Env env, const Napi::Value& value) {
  PrivateBytes* const bytes = kBytes.Read(env, value);
  if (bytes == nullptr) ThrowInvalidArgument(env, "bytes: expected what allocateBytes returned");
  return *bytes;
}

SharedBytes TakePrivateBytes(Napi::Env env, const Napi::Value& value) {
  PrivateBytes& bytes = ReadPrivateBytes(env, value);
  if (bytes.taken) ThrowInvalidArgument(env, "bytes: already given to a session");
  bytes.taken = true;
  SharedBytes shared;
  shared.data = bytes.data.get();
  shared.size = bytes.size;
  shared.owner = std::move(bytes.data);
  return shared;
}

ModelSource ReadSource(Napi::Env env, const Napi::Value& value) {
  const ObjectReader reader(env, value, "source");
  ModelSource source;
  source.path = reader.String("path");
  source.map_files = reader.Bool("mmap");
  source.external_data_links = reader.OptionalBool("externalDataLinks").value_or(true);
  if (reader.Has("bytes")) source.bytes = TakePrivateBytes(env, reader.Get("bytes"));
  for (const Napi::Value& item : reader.Array("externalData")) {
    if (!item.IsArray()) reader.Refuse("externalData", "pairs");
    const auto pair = item.As<Napi::Array>();
    source.external_data.emplace_back(pair.Get(0U).ToString().Utf8Value(),
                                      TakePrivateBytes(env, pair.Get(1U)));
  }
  if (source.path.empty() && source.bytes.data == nullptr) {
    ThrowInvalidArgument(env, "source: expected a path or bytes");
  }
  return source;
}

std::vector<ProviderRequest> ReadProviders(Napi::Env env, const ObjectReader& options) {
  std::vector<ProviderRequest> providers;
  for (const Napi::Value& item : options.Array("executionProviders")) {
    const ObjectReader provider(env, item, "options.executionProviders");
    ProviderRequest request;
    request.name = provider.String("name");
    request.options = provider.StringPairs("options");
    if (provider.Has("deviceIndex")) request.device_index = provider.Size("deviceIndex", 0);
    request.device_type = provider.String("deviceType");
    providers.push_back(std::move(request));
  }
  return providers;
}

SessionOptions ReadOptions(Napi::Env env, const Napi::Value& value) {
  const ObjectReader reader(env, value, "options");
  SessionOptions options;
  options.providers = ReadProviders(env, reader);
  options.intra_op_threads = reader.Int("intraOpNumThreads", 0);
  options.inter_op_threads = reader.Int("interOpNumThreads", 0);
  options.concurrency = static_cast<size_t>(std::max(1, reader.Int("concurrency", 1)));
  options.resize_inputs = reader.Bool("resizeInputs");
  if (reader.Has("graphOptimizationLevel")) {
    options.graph_optimization_level = reader.Int("graphOptimizationLevel", 99);
  }
  options.parallel_execution = reader.Bool("parallelExecution");
  options.cpu_mem_arena = reader.OptionalBool("enableCpuMemArena");
  options.mem_pattern = reader.OptionalBool("enableMemPattern");
  options.optimized_model_path = reader.String("optimizedModelFilePath");
  options.profile_prefix = reader.String("profilePrefix");
  options.log_id = reader.String("logId");
  options.log_severity = reader.Int("logSeverityLevel", options.log_severity);
  options.log_verbosity = reader.Int("logVerbosityLevel", options.log_verbosity);
  for (const auto& [name, size] : reader.StringPairs("freeDimensionOverrides")) {
    options.free_dimension_overrides.emplace_back(name, std::stoll(size));
  }
  for (const Napi::Value& item : reader.Array("customOps")) {
    options.custom_op_libraries.push_back(item.ToString().Utf8Value());
  }
  options.config_entries = reader.StringPairs("configEntries");
  return options;
}

class CreateJob final : public Job {
 public:
  ModelSource source;
  SessionOptions options;
  std::array<std::vector<LibraryCandidate>, 2> candidates;  // by Engine
  size_t max_queue = 0;
  size_t max_queue_bytes = 0;
  std::optional<BatchOptions> batching;
  bool record_latency = true;
  int64_t inline_ns = 0;
  int inline_percentile = 99;
  bool low_priority = false;
  Executor* executor = nullptr;

  Status Execute() override {
    ONLITE_RETURN_IF_ERROR(AtItsPriority([this] { return Read(); }));
    Engine engine{};
    ONLITE_RETURN_IF_ERROR(DetectEngine(source.bytes, &engine));
    Runtime& runtime = RuntimeOf(engine);
    ONLITE_RETURN_IF_ERROR(runtime.Load(candidates[static_cast<size_t>(engine)]));
    auto core = std::make_shared<SessionCore>();
    const auto model_bytes = static_cast<int64_t>(source.bytes.size);
    const bool is_mapped = source.map_files;
    // What is made besides, such as the threads of the library and of the executor, is for all.
    ONLITE_RETURN_IF_ERROR(AtItsPriority(
        [&] { return runtime.CreateSession(std::move(source), options, &core->session); }));
    core->info = core->session->info();
    if (batching) ONLITE_RETURN_IF_ERROR(CheckBatching(core->info));
    core->queue = executor->CreateQueue(core->info.concurrency, max_queue, max_queue_bytes);
    if (batching) {
      core->batches = std::make_shared<BatchQueue>(core->queue, core->info.concurrency, max_queue,
                                                   max_queue_bytes, *std::move(batching));
    }
    core->record_latency = record_latency;
    // A batch waits for others to join it, and the JS thread must not wait for a turn.
    if (!core->batches && !core->info.takes_turns) {
      core->inline_limit_ns = inline_ns;
      core->inline_percentile = inline_percentile;
    }
    // TensorFlow Lite runs from our buffer; ONNX Runtime has made its own copy.
    if (engine == Engine::kTfLite && !is_mapped) core->external_bytes = model_bytes;
    // JavaScript was told so, and nobody would use the session.
    if (cancel.cancelled()) return Cancelled();
    session_ = std::make_shared<AttachedSession>(std::move(core));
    return Status::Ok();
  }

  bool UsesCallersMemory() const override { return false; }

  Napi::Value Result(Napi::Env env) override {
    return NativeSession::Wrap(env, std::move(session_));
  }

  void Settled(Napi::Env env) override {
    if (!session_) return;
    DropSession(Environment::Of(env), *session_);
    session_.reset();
  }

 private:
  template <typename Work>
  Status AtItsPriority(const Work& work) const {
    if (!low_priority) return work();
    Status status;
    RunAtLowPriority([&] { status = work(); });
    return status;
  }

  static Status Cancelled() { return {ErrorCode::kCancelled, "loading was cancelled"}; }

  Status Read() {
    if (source.bytes.data != nullptr) return Status::Ok();
    // Nothing stops it, but a thread that waits for a file system can be made up for.
    ArmedToken reading(&cancel, [] {});
    if (!reading.MayStart()) return Cancelled();
    ONLITE_RETURN_IF_ERROR(ReadModelFile(&source));
    return reading.End() ? Cancelled() : Status::Ok();
  }

  std::shared_ptr<AttachedSession> session_;
};

}  // namespace

Napi::Value CreateSession(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  Environment& environment = Environment::Of(env);
  const JobId id = ReadJobId(env, info[0]);
  auto job = std::make_unique<CreateJob>();
  job->source = ReadSource(env, info[1]);
  job->options = ReadOptions(env, info[2]);
  const ObjectReader options(env, info[2], "options");
  job->max_queue = static_cast<size_t>(std::max(0, options.Int("maxQueue", 1024)));
  job->max_queue_bytes = options.Size("maxQueueBytes", size_t{1} << 30);
  if (options.Has("batching")) job->batching = ReadBatchOptions(env, options.Get("batching"));
  job->record_latency = options.OptionalBool("latency").value_or(true);
  job->inline_ns = options.Int("inlineNs", 0);
  job->low_priority = options.Bool("lowLoadPriority");
  job->inline_percentile = std::clamp(options.Int("inlinePercentile", 99), 50, 99);
  const ObjectReader candidates(env, info[3], "candidates");
  job->candidates = {ReadCandidates(env, candidates.Get("onnxruntime")),
                     ReadCandidates(env, candidates.Get("tflite"))};
  job->options.cancel = &job->cancel;
  job->executor = &environment.executor();
  Check(env, environment.Post(environment.maintenance_queue(), id, std::move(job)));
  return env.Undefined();
}

Napi::Value AllocateBytes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const double length = info[0].IsNumber() ? info[0].As<Napi::Number>().DoubleValue() : -1;
  if (!(length >= 0 && length <= 9007199254740991.0)) {
    ThrowInvalidArgument(env, "length: expected a number of bytes");
  }
  auto bytes = std::make_unique<PrivateBytes>();
  bytes->size = static_cast<size_t>(length);
  bytes->data = AllocateAligned(bytes->size);
  if (!bytes->data) {
    ThrowStatus(env, {ErrorCode::kOutOfMemory,
                      "model: out of memory for " + std::to_string(bytes->size) + " bytes"});
  }
  return kBytes.Own(env, std::move(bytes));
}

Napi::Value CopyBytes(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const PrivateBytes& bytes = ReadPrivateBytes(env, info[0]);
  if (bytes.taken) ThrowInvalidArgument(env, "bytes: already given to a session");
  if (!info[1].IsNumber() || !info[2].IsTypedArray()) {
    ThrowInvalidArgument(env, "copyBytes: expected an offset and a Uint8Array");
  }
  const double at = info[1].As<Napi::Number>().DoubleValue();
  napi_typedarray_type type{};
  size_t length = 0;
  void* data = nullptr;
  Check(env, napi_get_typedarray_info(env, info[2], &type, &length, &data, nullptr, nullptr));
  if (type != napi_uint8_array || !(at >= 0) || at > static_cast<double>(bytes.size) ||
      length > bytes.size - static_cast<size_t>(at)) {
    ThrowInvalidArgument(env, "copyBytes: expected bytes inside the allocation");
  }
  if (length > 0) std::memcpy(bytes.data.get() + static_cast<size_t>(at), data, length);
  return env.Undefined();
}

Napi::Value DescribeFile(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray()) ThrowInvalidArgument(env, "bytes: expected a Uint8Array");
  void* data = nullptr;
  const size_t length = TypedArrayBytes(env, info[0], &data);
  return Napi::String::New(env, DescribeForeignFile({static_cast<const uint8_t*>(data), length}));
}

}  // namespace onlite
