#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace onlite::bench {

/// How a run is made. kBound: everything prepared, nothing but the run. kGiven:
/// inputs and outputs are handed over with each call. kFresh: the runtime makes
/// the outputs, which are released. kDevice: as kBound, and the outputs stay where the model has
/// run.
enum class Mode { kBound, kGiven, kFresh, kDevice };

/// A sequence of runs in which outputs become inputs of the next run.
struct CarryPlan {
  struct Input {
    std::string name;
    std::vector<int64_t> dims;
    int64_t value = 0;
    /// Not zeros, but the values that every program has.
    bool varies = false;
  };
  std::vector<Input> inputs;
  /// An output and the input that it becomes.
  std::vector<std::pair<std::string, std::string>> pairs;
  /// The outputs that become none.
  std::vector<std::string> outputs;
  int64_t steps = 1;
};

/// One thread's prepared call.
class Runner {
 public:
  Runner() = default;
  Runner(const Runner&) = delete;
  Runner& operator=(const Runner&) = delete;
  virtual ~Runner() = default;
  virtual void Run() = 0;
};

/// A loaded model. Runners of one model may run at the same time, each on one
/// thread, and end before it.
class LoadedModel {
 public:
  LoadedModel() = default;
  LoadedModel(const LoadedModel&) = delete;
  LoadedModel& operator=(const LoadedModel&) = delete;
  virtual ~LoadedModel() = default;
  /// The inputs are filled with the same values each time; open dimensions are 1.
  virtual std::unique_ptr<Runner> MakeRunner(Mode mode) = 0;
  /// A runner of whole sequences; state begins anew with each.
  virtual std::unique_ptr<Runner> MakeCarrier(const CarryPlan& plan) = 0;
};

/// What the runtime is given: the file's bytes, as onlite gives them, or its path.
enum class Source { kBytes, kPath };

/// A runtime's C API, used as its documentation says and no more. Every failure
/// ends the program with a message: a baseline has nothing to recover.
class Backend {
 public:
  Backend() = default;
  Backend(const Backend&) = delete;
  Backend& operator=(const Backend&) = delete;
  virtual ~Backend() = default;
  virtual std::string version() const = 0;
  /// Ready to run, `threads` intra-op threads: what a user waits for. `provider` is ONNX Runtime's
  /// "cuda" or "webgpu"; empty: the processor.
  virtual std::unique_ptr<LoadedModel> Load(const std::string& path, int threads, Source source,
                                            const std::string& provider) = 0;
};

/// Prints `message` to stderr and ends the program.
[[noreturn]] void Fail(const std::string& message);

/// Answers the commands on stdin until it closes; see commands.cc.
int Serve(Backend* backend);

}  // namespace onlite::bench
