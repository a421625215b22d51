#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "core/cancel_token.h"
#include "core/status.h"
#include "core/tensor.h"

/// What the rest of onlite knows of a runtime. Only native/runtimes/ort and
/// native/runtimes/tflite know a vendor's C API.
namespace onlite {

enum class Engine : uint8_t { kOnnxRuntime, kTfLite };

/// A library file to try, and where the idea came from ("ONLITE_ORT_PATH", …).
struct LibraryCandidate {
  std::string path;
  std::string origin;
};

/// A candidate that was tried; `error` is empty for the one that was loaded.
struct LibraryAttempt {
  std::string path;
  std::string origin;
  std::string error;
};

/// What is known of a runtime in this process.
struct RuntimeDescription {
  bool loaded = false;
  std::string path;
  std::string origin;
  std::string version;
  std::vector<std::string> providers;  // public names: "cpu", "cuda", "xnnpack", …
  /// "global", "per-session", or "per-interpreter" (TFLite).
  std::string thread_pools;
  std::vector<LibraryAttempt> tried;
};

/// real = scale * (quantized - zero_point). One entry per tensor, or one per
/// index of dimension `axis`.
struct Quantization {
  std::vector<float> scale;
  std::vector<int64_t> zero_point;
  std::optional<int> axis;
};

/// One input or output of a model.
struct ValueInfo {
  enum class Kind : uint8_t { kTensor, kSequence, kMap, kOther };

  std::string name;
  Kind kind = Kind::kTensor;
  /// A tensor's element type and shape. A dynamic dim is -1 and has its
  /// symbolic name, if any, at the same index of `symbols` (same length as dims).
  ElementType type = ElementType::kUndefined;
  Dims dims;
  std::vector<std::string> symbols;
  /// The element type of a sequence of tensors; kUndefined of other sequences.
  ElementType item_type = ElementType::kUndefined;
  bool unknown_rank = false;
  /// A feed may leave this input out.
  bool optional = false;
  /// An initializer of an ONNX graph that a feed may replace; not one of the
  /// model's inputs proper, and always optional.
  bool overridable_initializer = false;
  std::optional<Quantization> quantization;
};

/// "tensor", "sequence", "map" or "other".
inline const char* KindName(ValueInfo::Kind kind) {
  switch (kind) {
    case ValueInfo::Kind::kTensor: return "tensor";
    case ValueInfo::Kind::kSequence: return "sequence";
    case ValueInfo::Kind::kMap: return "map";
    case ValueInfo::Kind::kOther: break;
  }
  return "other";
}

/// A named entry point. The first signature of a session is the primary one
/// and has an empty key; its inputs and outputs are the graph's (ONNX) or the
/// primary subgraph's (TFLite).
struct SignatureInfo {
  std::string key;
  std::vector<ValueInfo> inputs;
  std::vector<ValueInfo> outputs;
};

struct ModelMetadata {
  std::string producer;
  std::string graph_name;
  std::string domain;
  std::string description;
  int64_t version = 0;
  std::map<std::string, std::string> custom;
};

struct SessionInfo {
  Engine engine = Engine::kOnnxRuntime;
  /// The providers the session was created with, in order, public names.
  std::vector<std::string> providers;
  /// [0] is the primary signature.
  std::vector<SignatureInfo> signatures;
  ModelMetadata metadata;
  bool has_variables = false;
  /// Runs that may be in flight at once.
  size_t concurrency = 1;
  /// Any number of threads may run it beside those, as the JS thread does.
  bool reentrant = false;
};

/// A buffer that several holders may share; never written after it was filled.
struct SharedBytes {
  std::shared_ptr<const void> owner;
  const uint8_t* data = nullptr;
  size_t size = 0;
};

/// A file that was opened: whatever becomes of its name, it is the same one.
class OpenFile {
 public:
  OpenFile() = default;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  virtual ~OpenFile() = default;

  /// A path that opens this very file again, in this process.
  virtual std::string path() const = 0;
  /// False if it was written to since it was opened.
  virtual bool IsUnchanged() const = 0;
};

struct ModelSource {
  /// The model's bytes: always set, also for a model that came from a file.
  SharedBytes bytes;
  /// The file itself if it is so large that a runtime had better read it again than
  /// copy the bytes, and where a system has such paths; else null.
  std::shared_ptr<const OpenFile> file;
  /// The file the bytes were read from, UTF-8; empty for a model from memory.
  std::string path;
  /// ONNX external data passed by the caller: the `location` in the model, bytes.
  std::vector<std::pair<std::string, SharedBytes>> external_data;
  /// Map the model's file instead of reading it (the caller opted in).
  bool map_files = false;
  /// External data may be reached by links, as far as that keeps it in the model's folder.
  bool external_data_links = true;
};

struct ProviderRequest {
  std::string name;  // public name, lower case
  std::vector<std::pair<std::string, std::string>> options;
};

/// Everything a session can be asked for. What an engine cannot do is refused
/// or ignored by its adapter as documented at each member.
struct SessionOptions {
  /// In order of preference; empty: the engine's default (onnx: cpu; tflite: xnnpack).
  /// A provider that is missing is an error unless another one follows it.
  std::vector<ProviderRequest> providers;
  /// 0: the engine's default.
  int intra_op_threads = 0;
  int inter_op_threads = 0;
  size_t concurrency = 1;
  /// May be null. Cancelling it makes the load end early with kCancelled where the runtime can.
  CancelToken* cancel = nullptr;

  /// TFLite only: inputs take other sizes than their fixed ones. ONNX Runtime: kUnsupported.
  bool resize_inputs = false;

  // ONNX Runtime only; TFLite ignores them.
  std::optional<int> graph_optimization_level;  // 0, 1, 2, 3 (layout), 99 (all)
  bool parallel_execution = false;
  std::optional<bool> cpu_mem_arena;
  std::optional<bool> mem_pattern;
  std::string optimized_model_path;
  std::string profile_prefix;  // not empty: profiling on
  std::string log_id;
  /// Fatal only: what fails has a Status, which is not to be on stderr too.
  int log_severity = 4;
  int log_verbosity = 0;
  std::vector<std::pair<std::string, int64_t>> free_dimension_overrides;
  /// Libraries of custom operators, absolute paths; TFLite refuses them.
  std::vector<std::string> custom_op_libraries;
  std::vector<std::pair<std::string, std::string>> config_entries;
};

/// One input of a run, by its index in the signature's inputs.
struct RunInput {
  size_t index = 0;
  TensorView tensor;
  /// A sequence: the items are fed, not the tensor.
  bool is_sequence = false;
  std::vector<TensorView> items;
};

/// One requested output of a run, by its index in the signature's outputs.
/// With `into.data` set the result must be written there: the adapter refuses
/// (kTypeMismatch, kShapeMismatch) a result of another type, shape or length, or,
/// if `flexible`, gives such a result in memory of its own. Whatever becomes of
/// the run, `into` may have been written.
struct RunOutput {
  size_t index = 0;
  TensorView into;
  bool flexible = false;
};

struct RunOptions {
  int log_severity = -1;  // -1: the session's
  int log_verbosity = -1;
  std::string tag;
  std::vector<std::pair<std::string, std::string>> config_entries;
  /// Not empty (ONNX Runtime only): the run's profile goes to a file whose path
  /// begins so.
  std::string profile_prefix;
};

struct RunRequest {
  size_t signature = 0;
  std::vector<RunInput> inputs;
  std::vector<RunOutput> outputs;
  RunOptions options;
  /// May be null. Cancelling it makes the run end early with kCancelled.
  CancelToken* cancel = nullptr;
};

/// Nanoseconds of the monotonic clock spent preparing inputs, inside the
/// runtime, and taking the outputs out.
struct RunTimes {
  int64_t bind_ns = 0;
  int64_t invoke_ns = 0;
  int64_t fetch_ns = 0;
};

struct RunResult {
  /// In the order of the request's outputs.
  std::vector<Value> outputs;
  RunTimes times;
};

/// A tensor of an operator in a profile.
struct ProfiledTensor {
  /// The type's number in the model's file.
  int type = 0;
  Dims dims;
  size_t bytes = 0;
};

/// One operator of a profile (TensorFlow Lite): one of the model's own, run by a
/// built-in kernel or taken by the delegate, or one of the delegate's.
struct ProfiledOperator {
  /// Of the model's operators: the builtin code, a custom operator's name, the
  /// first output's name and the tensors; -1 and empty for the delegate's.
  int32_t builtin_code = -1;
  std::string custom_name;
  std::string output_name;
  std::vector<ProfiledTensor> inputs;
  std::vector<ProfiledTensor> outputs;
  /// What ran it calls it; empty for a partition of the delegate as a whole.
  std::string kernel;
  int64_t subgraph = 0;
  /// The delegate's partition in the subgraph; -1 for the model's operators.
  int64_t partition = -1;
  /// In the subgraph or the partition; -1 for a partition as a whole.
  int64_t index = -1;
  uint64_t count = 0;
  /// Without the operators of subgraphs that it calls; of a partition as a whole
  /// what its operators do not account for.
  int64_t nanoseconds = 0;
};

struct OperatorProfile {
  int64_t total_ns = 0;
  std::vector<ProfiledOperator> operators;
  /// Operators of the model, in the subgraphs that ran, that the delegate took.
  std::vector<ProfiledOperator> delegated;
};

/// Memory bound to a session's inputs and outputs: prepared once, run many
/// times without an allocation. The bound memory must stay valid until it is
/// bound anew or the binding is destroyed; the session must outlive the binding.
/// One thread at a time uses it (Cancel of a token may come from any).
class Binding {
 public:
  Binding() = default;
  Binding(const Binding&) = delete;
  Binding& operator=(const Binding&) = delete;
  virtual ~Binding() = default;

  /// Binds an input or output of the signature by index. The tensor is checked
  /// as a run's would be. Strings are copied, and only for inputs.
  virtual Status BindInput(size_t index, const TensorView& tensor) = 0;
  virtual Status BindOutput(size_t index, const TensorView& memory) = 0;

  /// The same for memory that the result goes to if it is of that type and shape; any
  /// other is no error, and TakeOutput gives it. For bindings all of whose outputs are so.
  virtual Status BindFlexibleOutput(size_t index, const TensorView& memory) = 0;

  /// Has the runtime allocate an output at each run; read it with TakeOutput.
  virtual Status BindDynamicOutput(size_t index) = 0;

  /// Needs every input and at least one output bound. `cancel` may be null;
  /// `times` may be null, then no clock is read.
  virtual Status Run(CancelToken* cancel, RunTimes* times) = 0;

  /// The result of the last run for a dynamic output; of a flexible one after a run
  /// that strayed, without an owner if it is in the output's memory.
  virtual Status TakeOutput(size_t index, Value* value) = 0;

  /// The last run gave some flexible output another type or shape than its memory's.
  bool strayed() const { return strayed_; }

 protected:
  bool strayed_ = false;
};

/// A loaded model. `Run` may be called from any thread, from at most
/// `info().concurrency` threads at once (the caller sees to that); nothing else
/// may run beside `ResetVariables`. Adapters check everything memory safety
/// depends on: indices, types, ranks, dims and byte lengths of every input, and
/// answer with the path of what is wrong, e.g.
/// "inputs.image.dims[2]: expected 224, got 225".
class Session {
 public:
  Session() = default;
  Session(const Session&) = delete;
  Session& operator=(const Session&) = delete;
  virtual ~Session() = default;

  virtual const SessionInfo& info() const = 0;

  /// The providers in use, which info() has as they were at creation: a provider
  /// may turn out to refuse what is fed, where another was to follow it.
  virtual std::vector<std::string> providers() const { return info().providers; }

  virtual Status Run(const RunRequest& request, RunResult* result) = 0;

  /// A binding of a signature's inputs and outputs, all unbound yet.
  virtual Status CreateBinding(size_t signature, std::unique_ptr<Binding>* binding) = 0;

  /// Puts variables back to their initial state. OK where there are none.
  virtual Status ResetVariables() = 0;

  /// Runs the request once, and then `runs` times with the operators' times
  /// taken, on an interpreter of its own with variables of its own. Gives no
  /// outputs. kUnsupported where the library has no profiler; ONNX Runtime
  /// profiles single runs instead (RunOptions::profile_prefix).
  virtual Status Profile(const RunRequest& request, size_t runs, OperatorProfile* profile) = 0;

  /// Ends profiling and gives the file's name (ONNX Runtime), else kUnsupported.
  virtual Status EndProfiling(std::string* file) = 0;
};

/// A runtime's library, once per process: opened on the first Load that
/// succeeds and never closed. Thread-safe.
class Runtime {
 public:
  Runtime() = default;
  Runtime(const Runtime&) = delete;
  Runtime& operator=(const Runtime&) = delete;

  /// Tries the candidates in order; OK at once when one is loaded already.
  virtual Status Load(const std::vector<LibraryCandidate>& candidates) = 0;
  virtual RuntimeDescription Describe() const = 0;
  /// Needs a loaded library. Blocks for as long as the runtime takes. The source is
  /// taken over: its bytes may be freed before the end.
  virtual Status CreateSession(ModelSource source, const SessionOptions& options,
                               std::unique_ptr<Session>* session) = 0;

 protected:
  ~Runtime() = default;  // singletons are never destroyed (DESIGN §5)
};

/// native/runtimes/ort
Runtime& OnnxRuntime();
/// native/runtimes/tflite
Runtime& TfLiteRuntime();

/// Has ONNX Runtime report nothing to its vendor, unless the environment says otherwise.
/// On the JS thread, before the first Load.
void DisableTelemetry();

/// Threads the process-wide pools may use; set once before the first Load
/// (os.availableParallelism()). Read by both adapters.
void SetDefaultThreadCount(int threads);
int DefaultThreadCount();

}  // namespace onlite
