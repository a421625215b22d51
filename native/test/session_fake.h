#pragma once

#include <algorithm>
#include <atomic>
#include <cstring>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "core/executor.h"
#include "session/session_core.h"

/// A runtime's session without a runtime, for the tests of native/session.
namespace onlite {

/// What happened to the fakes of a test, which may be gone by the time it asks.
struct FakeLog {
  std::atomic<int> runs{0};
  /// "binding" and "session", as they were destroyed.
  std::vector<std::string> destroyed;
};

class FakeBinding final : public Binding {
 public:
  explicit FakeBinding(std::shared_ptr<FakeLog> log) : log_(std::move(log)) {}
  ~FakeBinding() override { log_->destroyed.emplace_back("binding"); }

  Status BindInput(size_t, const TensorView&) override { return Status::Ok(); }
  Status BindOutput(size_t, const TensorView&) override { return Status::Ok(); }
  Status BindFlexibleOutput(size_t, const TensorView&) override { return Status::Ok(); }
  Status BindDynamicOutput(size_t) override { return Status::Ok(); }
  Status Run(CancelToken*, RunTimes*) override { return Status::Ok(); }
  /// A value whose one dim says which output it is.
  Status TakeOutput(size_t index, Value* value) override {
    value->kind = Value::Kind::kTensor;
    value->tensor.dims = {static_cast<int64_t>(index)};
    return Status::Ok();
  }
  void set_strayed(bool strayed) { strayed_ = strayed; }

 private:
  const std::shared_ptr<FakeLog> log_;
};

/// One float32 input x and one output y, both [rows, 2]; y is 2 x unless a test says otherwise.
class FakeSession final : public Session {
 public:
  using Respond = std::function<Status(const RunRequest&, RunResult*)>;

  explicit FakeSession(std::shared_ptr<FakeLog> log = std::make_shared<FakeLog>())
      : log_(std::move(log)), respond_(Double) {
    SignatureInfo signature;
    for (std::vector<ValueInfo>* values : {&signature.inputs, &signature.outputs}) {
      ValueInfo& value = values->emplace_back();
      value.name = values == &signature.inputs ? "x" : "y";
      value.type = ElementType::kFloat32;
      value.dims = {-1, 2};
      value.symbols = {"rows", ""};
    }
    info_.signatures.push_back(std::move(signature));
    info_.providers = {"fake"};
  }
  ~FakeSession() override { log_->destroyed.emplace_back("session"); }

  void set_respond(Respond respond) { respond_ = std::move(respond); }

  const SessionInfo& info() const override { return info_; }
  Status Run(const RunRequest& request, RunResult* result) override {
    ++log_->runs;
    return respond_(request, result);
  }
  Status CreateBinding(size_t, std::unique_ptr<Binding>* binding) override {
    *binding = std::make_unique<FakeBinding>(log_);
    return Status::Ok();
  }
  Status ResetVariables() override { return Status::Ok(); }
  Status Profile(const RunRequest&, size_t, OperatorProfile*) override {
    return {ErrorCode::kUnsupported, "a fake"};
  }
  Status EndProfiling(std::string*) override { return {ErrorCode::kUnsupported, "a fake"}; }

  static Status Double(const RunRequest& request, RunResult* result) {
    const TensorView& input = request.inputs.at(0).tensor;
    const size_t count = input.byte_length / sizeof(float);
    const std::shared_ptr<float[]> memory(new float[count]);
    const auto* values = static_cast<const float*>(input.data);
    std::transform(values, values + count, memory.get(), [](float value) { return 2 * value; });
    Value& output = result->outputs.emplace_back();
    output.kind = Value::Kind::kTensor;
    output.tensor = input;
    output.tensor.data = memory.get();
    output.owner = memory;
    result->times = {.bind_ns = 1, .invoke_ns = 20, .fetch_ns = 3};
    return Status::Ok();
  }

 private:
  const std::shared_ptr<FakeLog> log_;
  SessionInfo info_;
  Respond respond_;
};

/// A session over the fake. The executor is never destroyed, as in the addon.
inline std::shared_ptr<SessionCore> MakeCore(std::unique_ptr<FakeSession> fake,
                                             size_t concurrency = 1) {
  static Executor& executor = *new Executor(2);
  auto core = std::make_shared<SessionCore>();
  core->info = fake->info();
  core->session = std::move(fake);
  core->queue = executor.CreateQueue(concurrency, 64, size_t{1} << 20);
  return core;
}

}  // namespace onlite
