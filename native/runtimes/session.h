#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "core/cancel_token.h"
#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/operator_profile.h"
#include "runtimes/run_request.h"
#include "runtimes/session_info.h"

/// A loaded model as the rest of onlite knows it, and memory bound to its runs.
namespace onlite {

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

  /// Whether a dynamic output's result is in memory of the runtime's own, whatever becomes of
  /// the inputs' memory.
  virtual bool OwnsOutput(size_t /*index*/) const { return true; }

  /// Has the runtime allocate an output at each run; read it with TakeOutput.
  virtual Status BindDynamicOutput(size_t index) = 0;

  /// Needs every input and at least one output bound. `cancel` may be null;
  /// `times` may be null, then no clock is read.
  virtual Status Run(CancelToken* cancel, RunTimes* times) = 0;

  /// The result of the last run for a dynamic output, as often as it is asked for; of a
  /// flexible one after a run that strayed, without an owner if it is in the output's memory.
  virtual Status TakeOutput(size_t index, Value* value) = 0;

  /// An input or output by its index.
  struct Place {
    bool is_input = false;
    size_t index = 0;
  };

  /// Has the runtime leave an output at each run where the model has run, which may be the memory
  /// of a device. kUnsupported where it cannot.
  virtual Status BindDeviceOutput(size_t /*index*/) { return NoDevice(); }

  /// Has an input read what the last run left in such an output, without a copy.
  virtual Status FeedBack(size_t /*output*/, size_t /*input*/) { return NoDevice(); }

  /// A copy of what the last run left in such an output, or of what was fed back to an input.
  /// `cancel` may end the waiting for the device, and may be null.
  virtual Status CopyToHost(Place /*place*/, CancelToken* /*cancel*/, Value* /*value*/) {
    return NoDevice();
  }

  /// The last run gave some flexible output another type or shape than its memory's.
  bool strayed() const { return strayed_; }

 protected:
  bool strayed_ = false;

 private:
  static Status NoDevice() {
    return {ErrorCode::kUnsupported,
            "location: TensorFlow Lite's C API gives results in the processor's memory only; leave "
            "the output out, or bind it as 'dynamic'"};
  }
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

}  // namespace onlite
