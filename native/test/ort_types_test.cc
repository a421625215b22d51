#include <cstring>

#include "core/dtype.h"
#include "ort_fixture.h"

namespace onlite {
namespace {

namespace ob = onnx_builder;

class OrtTypesTest : public OrtTest {};

struct TypePair {
  ElementType ours;
  int onnx;
};

const std::vector<TypePair> kTypes = {
    {ElementType::kFloat32, ob::kFloat},
    {ElementType::kFloat64, ob::kDouble},
    {ElementType::kFloat16, ob::kFloat16},
    {ElementType::kBFloat16, ob::kBFloat16},
    {ElementType::kInt8, ob::kInt8},
    {ElementType::kUInt8, ob::kUInt8},
    {ElementType::kInt16, ob::kInt16},
    {ElementType::kUInt16, ob::kUInt16},
    {ElementType::kInt32, ob::kInt32},
    {ElementType::kUInt32, ob::kUInt32},
    {ElementType::kInt64, ob::kInt64},
    {ElementType::kUInt64, ob::kUInt64},
    {ElementType::kBool, ob::kBool},
    {ElementType::kFloat8E4M3FN, ob::kFloat8E4M3FN},
    {ElementType::kFloat8E4M3FNUZ, ob::kFloat8E4M3FNUZ},
    {ElementType::kFloat8E5M2, ob::kFloat8E5M2},
    {ElementType::kFloat8E5M2FNUZ, ob::kFloat8E5M2FNUZ},
};

TEST_F(OrtTypesTest, EveryTypeRoundTrips) {
  for (const TypePair& type : kTypes) {
    SCOPED_TRACE(ElementTypeName(type.ours));
    std::unique_ptr<Session> session;
    const Status created = Create(ob::UnaryModel("Identity", type.onnx, {3}), &session);
    ASSERT_TRUE(created.ok()) << created.message() << created.cause();
    const ValueInfo& input = session->info().signatures[0].inputs[0];
    EXPECT_EQ(ElementTypeName(input.type), ElementTypeName(type.ours));

    const size_t bytes = *TensorBytes(type.ours, Dims{3});
    std::vector<uint8_t> x(bytes, 1);
    RunResult result;
    const Status ran = Run(session.get(), {View(type.ours, {3}, &x)}, {{}}, &result);
    ASSERT_TRUE(ran.ok()) << ran.message() << ran.cause();
    const TensorView& y = result.outputs[0].tensor;
    EXPECT_EQ(ElementTypeName(y.type), ElementTypeName(type.ours));
    ASSERT_EQ(y.byte_length, bytes);
    EXPECT_EQ(std::memcmp(y.data, x.data(), bytes), 0);

    std::vector<uint8_t> given(bytes, 0);
    ASSERT_TRUE(
        Run(session.get(), {View(type.ours, {3}, &x)}, {View(type.ours, {3}, &given)}, &result)
            .ok());
    EXPECT_EQ(given, x);
  }
}

/// Two elements a byte; five of them in three bytes.
TEST_F(OrtTypesTest, FourBitIntegers) {
  for (const TypePair& type :
       {TypePair{ElementType::kInt4, ob::kInt4}, TypePair{ElementType::kUInt4, ob::kUInt4}}) {
    SCOPED_TRACE(ElementTypeName(type.ours));
    const std::string one("\x00\x00\x80\x3f", 4);
    const auto session =
        MustCreate(ob::Model({{ob::Node("DequantizeLinear", {"x", "scale"}, {"float"}),
                               ob::Node("Abs", {"float"}, {"y"}),
                               ob::Node("QuantizeLinear", {"y", "scale", "zero"}, {"z"})},
                              {ob::NamedValue("x", ob::TensorType(type.onnx, {5}))},
                              {ob::NamedValue("y", ob::TensorType(ob::kFloat, {5})),
                               ob::NamedValue("z", ob::TensorType(type.onnx, {5}))},
                              {ob::RawTensor("scale", ob::kFloat, {}, one),
                               ob::RawTensor("zero", type.onnx, {}, std::string(1, '\0'))}}));
    ASSERT_NE(session, nullptr);
    std::vector<uint8_t> x = {0x21, 0x43, 0x05};
    RunResult result;
    const Status status = Run(session.get(), {View(type.ours, {5}, &x)}, {{}, {}}, &result);
    ASSERT_TRUE(status.ok()) << status.message() << status.cause();
    EXPECT_EQ(FloatsOf(result.outputs[0]), (std::vector<float>{1, 2, 3, 4, 5}));
    const TensorView& z = result.outputs[1].tensor;
    ASSERT_EQ(z.byte_length, 3U);
    EXPECT_EQ(z.type, type.ours);
    EXPECT_EQ(std::memcmp(z.data, x.data(), 3), 0);
    x.pop_back();
    ExpectError(Run(session.get(), {View(type.ours, {5}, &x)}, {{}}, &result),
                ErrorCode::kShapeMismatch, "expected 3 bytes");
  }
}

/// Types the C API names; a library may refuse them, but in words.
TEST_F(OrtTypesTest, RareTypesRunOrAreRefused) {
  const std::vector<TypePair> rare = {{ElementType::kComplex64, ob::kComplex64},
                                      {ElementType::kComplex128, ob::kComplex128},
                                      {ElementType::kFloat4E2M1, ob::kFloat4E2M1},
                                      {ElementType::kInt2, ob::kInt2},
                                      {ElementType::kUInt2, ob::kUInt2}};
  for (const TypePair& type : rare) {
    SCOPED_TRACE(ElementTypeName(type.ours));
    std::unique_ptr<Session> session;
    const Status created = Create(ob::UnaryModel("Identity", type.onnx, {3}, 25), &session);
    RecordProperty(std::string(ElementTypeName(type.ours)), created.ok() ? "loads" : "refused");
    if (!created.ok()) {
      EXPECT_FALSE(created.cause().empty());
      continue;
    }
    std::vector<uint8_t> x(*TensorBytes(type.ours, Dims{3}), 1);
    RunResult result;
    const Status ran = Run(session.get(), {View(type.ours, {3}, &x)}, {{}}, &result);
    if (ran.ok()) {
      EXPECT_EQ(result.outputs[0].tensor.byte_length, x.size());
    } else {
      EXPECT_FALSE(ran.message().empty());
    }
  }
}

TEST_F(OrtTypesTest, Strings) {
  const auto session = MustCreate(ob::UnaryModel("Identity", ob::kString, {"n"}));
  TensorView x = {ElementType::kString, {4}, nullptr, 0, {"a", "", std::string("n\0l", 3), "ünï"}};
  RunResult result;
  const Status status = Run(session.get(), {x}, {{}}, &result);
  ASSERT_TRUE(status.ok()) << status.message() << status.cause();
  EXPECT_EQ(result.outputs[0].tensor.strings, x.strings);
  EXPECT_EQ(result.outputs[0].tensor.dims, (Dims{4}));

  x.strings.pop_back();
  ExpectError(Run(session.get(), {x}, {{}}, &result), ErrorCode::kShapeMismatch,
              "inputs.x.data: expected 4 strings for [4], got 3");
  const TensorView empty = {ElementType::kString, {0}, nullptr, 0, {}};
  ASSERT_TRUE(Run(session.get(), {empty}, {{}}, &result).ok());
  EXPECT_TRUE(result.outputs[0].tensor.strings.empty());
  const TensorView blanks = {ElementType::kString, {2}, nullptr, 0, {"", ""}};
  ASSERT_TRUE(Run(session.get(), {blanks}, {{}}, &result).ok());
  EXPECT_EQ(result.outputs[0].tensor.strings, blanks.strings);
  std::vector<uint8_t> memory(64);
  ExpectError(Run(session.get(), {blanks}, {View(ElementType::kString, {2}, &memory)}, &result),
              ErrorCode::kTypeMismatch, "outputs.y");
}

TEST_F(OrtTypesTest, SequenceOfTensors) {
  const std::string tensor = ob::TensorType(ob::kFloat, {"n"});
  const auto session = MustCreate(ob::Model({{ob::Node("SequenceConstruct", {"x", "x"}, {"y"})},
                                             {ob::NamedValue("x", tensor)},
                                             {ob::NamedValue("y", ob::SequenceType(tensor))},
                                             {}}));
  EXPECT_EQ(session->info().signatures[0].outputs[0].kind, ValueInfo::Kind::kSequence);
  std::vector<float> x = {1, 2};
  RunResult result;
  ASSERT_TRUE(Run(session.get(), {Floats({2}, &x)}, {{}}, &result).ok());
  ASSERT_EQ(result.outputs[0].kind, Value::Kind::kSequence);
  ASSERT_EQ(result.outputs[0].items.size(), 2U);
  EXPECT_EQ(FloatsOf(result.outputs[0].items[1]), x);
  std::vector<float> given(2);
  ExpectError(Run(session.get(), {Floats({2}, &x)}, {Floats({2}, &given)}, &result),
              ErrorCode::kTypeMismatch, "outputs.y");
}

TEST_F(OrtTypesTest, ATensorIsNoSequence) {
  const std::string tensor = ob::TensorType(ob::kFloat, {"n"});
  const auto session = MustCreate(ob::Model({{ob::Node("SequenceLength", {"x"}, {"y"})},
                                             {ob::NamedValue("x", ob::SequenceType(tensor))},
                                             {ob::NamedValue("y", ob::TensorType(ob::kInt64, {}))},
                                             {}}));
  std::vector<float> x = {1};
  RunResult result;
  ExpectError(Run(session.get(), {Floats({1}, &x)}, {{}}, &result), ErrorCode::kUnsupported,
              "inputs.x: expected a sequence");
}

TEST_F(OrtTypesTest, ZipMap) {
  const std::string map = ob::MapType(ob::kString, ob::TensorType(ob::kFloat, {}));
  const auto session = MustCreate(ob::Model(
      {{ob::Node("ZipMap", {"x"}, {"y"},
                 {ob::StringsAttribute("classlabels_strings", {"cat", "dog"})}, "ai.onnx.ml")},
       {ob::NamedValue("x", ob::TensorType(ob::kFloat, {"n", 2}))},
       {ob::NamedValue("y", ob::SequenceType(map))},
       {}}));
  std::vector<float> x = {0.25F, 0.75F, 1, 0};
  RunResult result;
  const Status status = Run(session.get(), {Floats({2, 2}, &x)}, {{}}, &result);
  ASSERT_TRUE(status.ok()) << status.message() << status.cause();
  ASSERT_EQ(result.outputs[0].items.size(), 2U);
  const Value& first = result.outputs[0].items[0];
  ASSERT_EQ(first.kind, Value::Kind::kMap);
  ASSERT_EQ(first.items.size(), 2U);
  EXPECT_EQ(first.items[0].tensor.strings, (std::vector<std::string>{"cat", "dog"}));
  EXPECT_EQ(FloatsOf(first.items[1]), (std::vector<float>{0.25F, 0.75F}));
}

TEST_F(OrtTypesTest, NoneOfAnOptionalOutput) {
  const std::string tensor = ob::TensorType(ob::kFloat, {1});
  const auto session = MustCreate(
      ob::Model({{ob::Node("Optional", {}, {"y"}, {ob::TypeAttribute("type", tensor)}),
                  ob::Node("Neg", {"x"}, {"z"})},
                 {ob::NamedValue("x", tensor)},
                 {ob::NamedValue("y", ob::OptionalType(tensor)), ob::NamedValue("z", tensor)},
                 {}}));
  std::vector<float> x = {1};
  RunResult result;
  const Status status = Run(session.get(), {Floats({1}, &x)}, {{}, {}}, &result);
  ASSERT_TRUE(status.ok()) << status.message() << status.cause();
  EXPECT_EQ(result.outputs[0].kind, Value::Kind::kNone);
  EXPECT_EQ(FloatsOf(result.outputs[1]), (std::vector<float>{-1}));
}

TEST_F(OrtTypesTest, OptionalInput) {
  const std::string tensor = ob::TensorType(ob::kFloat, {1});
  const auto session = MustCreate(ob::Model({{ob::Node("OptionalHasElement", {"x"}, {"y"})},
                                             {ob::NamedValue("x", ob::OptionalType(tensor))},
                                             {ob::NamedValue("y", ob::TensorType(ob::kBool, {}))},
                                             {}}));
  EXPECT_TRUE(session->info().signatures[0].inputs[0].optional);
  std::vector<float> x = {1};
  RunResult result;
  Status status = Run(session.get(), {Floats({1}, &x)}, {{}}, &result);
  ASSERT_TRUE(status.ok()) << status.message() << status.cause();
  EXPECT_EQ(*static_cast<const uint8_t*>(result.outputs[0].tensor.data), 1);
  status = Run(session.get(), {}, {{}}, &result);
  ASSERT_TRUE(status.ok()) << status.message() << status.cause();
  EXPECT_EQ(*static_cast<const uint8_t*>(result.outputs[0].tensor.data), 0);
}

}  // namespace
}  // namespace onlite
