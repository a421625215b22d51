#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "runtimes/model_source.h"
#include "runtimes/session.h"
#include "runtimes/session_options.h"
#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/library.h"
#include "runtimes/tflite/model/model.h"
#include "runtimes/tflite/providers.h"
#include "runtimes/tflite/run/interpreter_pool.h"
#include "runtimes/tflite/run/shape_checker.h"
#include "runtimes/tflite/xnnpack/weights.h"

namespace onlite::tflite {

/// A model, its interpreters and the weights they share. Members are destroyed
/// from the last to the first: interpreters (each with its delegate) before the
/// weights before the model, which holds the file's bytes.
class TfLiteSession final : public Session {
 public:
  static Status Create(const Library& library, const ModelSource& source,
                       const SessionOptions& options, std::unique_ptr<Session>* session);

  const SessionInfo& info() const override { return info_; }
  std::vector<std::string> providers() const override;
  Status Run(const RunRequest& request, RunResult* result) override;
  Status CreateBinding(size_t signature, std::unique_ptr<Binding>* binding) override;
  Status ResetVariables() override;
  Status Profile(const RunRequest& request, size_t runs, OperatorProfile* profile) override;
  Status EndProfiling(std::string* file) override;

 private:
  explicit TfLiteSession(std::unique_ptr<Model> model)
      : model_(std::move(model)), shapes_(*model_) {}

  /// Makes the first interpreter by one of the plans.
  Status Start(const std::vector<ProviderPlan>& plans);
  Status Start(const ProviderPlan& plan, std::optional<InterpreterSettings> fallback);
  /// Shapes of the primary entry point that are all fixed, allocated once.
  Status AllocateFixedShapes();
  /// Inputs in: used where they lie if that pays, else copied.
  Status Feed(Interpreter* interpreter, size_t entry, Feeds feeds);
  /// What comes out where nothing is to be run.
  Status DeliverEmpty(const EmptyOutputs& empty, const RunRequest& request, int64_t started_ns,
                      RunResult* result) const;
  /// Inputs in, invocation, outputs out, on an interpreter that is ours alone.
  Status RunOn(Interpreter* interpreter, const RunRequest& request, Feeds feeds, int64_t started_ns,
               RunResult* result);

  std::unique_ptr<Model> model_;
  SessionInfo info_;
  ShapeChecker shapes_;
  std::unique_ptr<SharedWeights> weights_;
  std::unique_ptr<InterpreterPool> interpreters_;
};

}  // namespace onlite::tflite
