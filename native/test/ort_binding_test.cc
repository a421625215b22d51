#include <thread>

#include "ort_fixture.h"

namespace onlite {
namespace {

namespace ob = onnx_builder;

using Vector = std::vector<float>;

class OrtBindingTest : public OrtTest {
 protected:
  static std::unique_ptr<Binding> MustBind(Session* session) {
    std::unique_ptr<Binding> binding;
    const Status status = session->CreateBinding(0, &binding);
    EXPECT_TRUE(status.ok()) << status.message();
    return binding;
  }
};

TEST_F(OrtBindingTest, BoundRunsEqualUnboundRunsAtAnyAddress) {
  const auto session = MustCreate(ob::AddModel({"n", 4}));
  for (const size_t offset : {0, 1, 3}) {
    Vector a(64 + offset);
    Vector b(64 + offset);
    for (size_t index = 0; index < a.size(); ++index) {
      a[index] = static_cast<float>(index) * 0.25F;
      b[index] = static_cast<float>(index) * -3.5F;
    }
    Vector y(64 + offset, 7);
    const auto view = [offset](Vector* data) {
      return TensorView{ElementType::kFloat32, {16, 4}, data->data() + offset, 256, {}};
    };
    RunResult expected;
    ASSERT_TRUE(Run(session.get(), {view(&a), view(&b)}, {{}}, &expected).ok());
    const auto binding = MustBind(session.get());
    ASSERT_TRUE(binding->BindInput(0, view(&a)).ok());
    ASSERT_TRUE(binding->BindInput(1, view(&b)).ok());
    ASSERT_TRUE(binding->BindOutput(0, view(&y)).ok());
    RunTimes times;
    ASSERT_TRUE(binding->Run(nullptr, &times).ok());
    EXPECT_EQ(Vector(y.begin() + static_cast<ptrdiff_t>(offset), y.end()),
              FloatsOf(expected.outputs[0]));
    EXPECT_GT(times.invoke_ns, 0);
  }
}

TEST_F(OrtBindingTest, MemoryIsSwappedAndReshapedAndFreed) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}));
  const auto binding = MustBind(session.get());
  for (const int64_t length : {3, 5000, 3, 1}) {
    Vector x(static_cast<size_t>(length), 2);
    Vector y(static_cast<size_t>(length));
    ASSERT_TRUE(binding->BindInput(0, Floats({length}, &x)).ok());
    ASSERT_TRUE(binding->BindOutput(0, Floats({length}, &y)).ok());
    const Status status = binding->Run(nullptr, nullptr);
    ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    EXPECT_EQ(y, Vector(static_cast<size_t>(length), -2));
  }
  // What was bound is gone by now; others do not notice.
  Vector x = {1};
  RunResult result;
  ASSERT_TRUE(Run(session.get(), {Floats({1}, &x)}, {{}}, &result).ok());
  EXPECT_EQ(FloatsOf(result.outputs[0]), (Vector{-1}));
}

TEST_F(OrtBindingTest, OutputMemoryOfAnotherShapeIsNotWritten) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}));
  const auto binding = MustBind(session.get());
  Vector x(1000, 1);
  for (const int64_t length : {3, 2000}) {
    Vector y(static_cast<size_t>(length), 7);
    ASSERT_TRUE(binding->BindInput(0, Floats({1000}, &x)).ok());
    ASSERT_TRUE(binding->BindOutput(0, Floats({length}, &y)).ok());
    EXPECT_FALSE(binding->Run(nullptr, nullptr).ok());
    EXPECT_EQ(y, Vector(static_cast<size_t>(length), 7));
  }
}

TEST_F(OrtBindingTest, DynamicOutputsAreTaken) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}));
  const auto binding = MustBind(session.get());
  ASSERT_TRUE(binding->BindDynamicOutput(0).ok());
  Value first;
  EXPECT_FALSE(binding->TakeOutput(0, &first).ok());
  for (const int64_t length : {2, 9}) {
    Vector x(static_cast<size_t>(length), 4);
    ASSERT_TRUE(binding->BindInput(0, Floats({length}, &x)).ok());
    ASSERT_TRUE(binding->Run(nullptr, nullptr).ok());
    Value value;
    ASSERT_TRUE(binding->TakeOutput(0, &value).ok());
    EXPECT_EQ(FloatsOf(value), Vector(static_cast<size_t>(length), -4));
    if (first.kind == Value::Kind::kNone) first = value;
  }
  // A later run has not written over what was taken.
  EXPECT_EQ(FloatsOf(first), Vector(2, -4));
}

TEST_F(OrtBindingTest, WrongTensorsAreNamed) {
  const auto session = MustCreate(ob::AddModel({1, 4}));
  std::unique_ptr<Binding> none;
  EXPECT_FALSE(session->CreateBinding(1, &none).ok());
  const auto binding = MustBind(session.get());
  Vector x(8);
  std::vector<int32_t> ints(4);
  ExpectError(binding->Run(nullptr, nullptr), ErrorCode::kInvalidArgument, "inputs.a: missing");
  ExpectError(binding->BindInput(0, Floats({1, 5}, &x)), ErrorCode::kShapeMismatch,
              "inputs.a.dims[1]: expected 4, got 5");
  ExpectError(binding->BindInput(1, View(ElementType::kInt32, {1, 4}, &ints)),
              ErrorCode::kTypeMismatch, "inputs.b.type: expected float32, got int32");
  ExpectError(binding->BindOutput(0, Floats({1, 5}, &x)), ErrorCode::kShapeMismatch,
              "outputs.y.dims[1]: expected 4, got 5");
  EXPECT_FALSE(binding->BindInput(2, Floats({1, 4}, &x)).ok());
  EXPECT_FALSE(binding->BindOutput(1, Floats({1, 4}, &x)).ok());
  EXPECT_FALSE(binding->BindDynamicOutput(1).ok());
}

TEST_F(OrtBindingTest, CancelledRunsLeaveTheBindingUsable) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}));
  const auto binding = MustBind(session.get());
  Vector x = {1, 2};
  Vector y(2);
  ASSERT_TRUE(binding->BindInput(0, Floats({2}, &x)).ok());
  ASSERT_TRUE(binding->BindOutput(0, Floats({2}, &y)).ok());
  CancelToken cancelled;
  cancelled.Cancel();
  EXPECT_EQ(binding->Run(&cancelled, nullptr).code(), ErrorCode::kCancelled);
  CancelToken unused;
  ASSERT_TRUE(binding->Run(&unused, nullptr).ok());
  EXPECT_EQ(y, (Vector{-1, -2}));
}

// A request to stop that comes between the end of a run and the disarming of its token.
TEST_F(OrtBindingTest, ACancellationAtTheVeryEndOfARunStopsNoLaterRun) {
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}));
  const auto binding = MustBind(session.get());
  Vector x = {1, 2};
  Vector y(2);
  ASSERT_TRUE(binding->BindInput(0, Floats({2}, &x)).ok());
  ASSERT_TRUE(binding->BindOutput(0, Floats({2}, &y)).ok());
  for (int round = 0; round < 3; ++round) {
    CancelToken late;
    late.before_disarm_for_tests = [](CancelToken* token) { token->Cancel(); };
    EXPECT_EQ(binding->Run(&late, nullptr).code(), ErrorCode::kCancelled);
    y = {0, 0};
    CancelToken unused;
    const Status status = binding->Run(&unused, nullptr);
    ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
    EXPECT_EQ(y, (Vector{-1, -2}));
  }
  CancelToken late;
  late.before_disarm_for_tests = [](CancelToken* token) { token->Cancel(); };
  RunRequest request;
  request.inputs.push_back({0, Floats({2}, &x), false, {}});
  request.outputs.push_back({0, {}});
  request.cancel = &late;
  RunResult result;
  ASSERT_TRUE(session->Run(request, &result).ok());
  EXPECT_EQ(FloatsOf(result.outputs[0]), (Vector{-1, -2}));
}

TEST_F(OrtBindingTest, FlexibleOutputsBesideAnInputMayHaveOtherShapes) {
  const std::string x = ob::NamedValue("x", ob::TensorType(ob::kFloat, {"n"}));
  const std::string y = ob::NamedValue("y", ob::TensorType(ob::kFloat, {"m"}));
  const std::string twice = ob::Node("Concat", {"x", "x"}, {"y"}, {ob::IntAttribute("axis", 0)});
  for (const bool input_first : {false, true}) {
    const auto outputs = input_first ? std::vector{x, y} : std::vector{y, x};
    const auto session = MustCreate(ob::Model({{twice}, {x}, outputs, {}}));
    const auto binding = MustBind(session.get());
    Vector fed = {1, 2};
    Vector first(2);
    Vector second(2);
    ASSERT_TRUE(binding->BindInput(0, Floats({2}, &fed)).ok());
    ASSERT_TRUE(binding->BindFlexibleOutput(0, Floats({2}, &first)).ok());
    ASSERT_TRUE(binding->BindFlexibleOutput(1, Floats({2}, &second)).ok());
    for (int round = 0; round < 2; ++round) {
      const Status status = binding->Run(nullptr, nullptr);
      ASSERT_TRUE(status.ok()) << status.message() << ": " << status.cause();
      EXPECT_TRUE(binding->strayed());
      Value made;
      ASSERT_TRUE(binding->TakeOutput(input_first ? 1 : 0, &made).ok());
      EXPECT_EQ(FloatsOf(made), (Vector{1, 2, 1, 2}));
      Value given;
      ASSERT_TRUE(binding->TakeOutput(input_first ? 0 : 1, &given).ok());
      EXPECT_EQ(FloatsOf(given), fed);
    }
  }
}

TEST_F(OrtBindingTest, BindingsAndUnboundRunsGoSideBySide) {
  SessionOptions options;
  options.concurrency = 3;
  const auto session = MustCreate(ob::UnaryModel("Neg", ob::kFloat, {"n"}), options);
  std::vector<std::thread> threads;
  for (const float value : {1.0F, 2.0F}) {
    threads.emplace_back([&session, value] {
      Vector x(256, value);
      Vector y(256);
      const auto binding = MustBind(session.get());
      ASSERT_TRUE(binding->BindInput(0, Floats({256}, &x)).ok());
      ASSERT_TRUE(binding->BindOutput(0, Floats({256}, &y)).ok());
      for (int round = 0; round < 500; ++round) {
        y.assign(256, 0);
        ASSERT_TRUE(binding->Run(nullptr, nullptr).ok());
        ASSERT_EQ(y, Vector(256, -value));
      }
    });
  }
  threads.emplace_back([&session] {
    Vector x(64, 3);
    for (int round = 0; round < 500; ++round) {
      RunResult result;
      ASSERT_TRUE(Run(session.get(), {Floats({64}, &x)}, {{}}, &result).ok());
      ASSERT_EQ(FloatsOf(result.outputs[0]), Vector(64, -3));
    }
  });
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace onlite
