#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>

#include "core/tensor.h"

namespace onlite {
namespace {

TEST(DimsToString, ReadsAsTheMessagesDo) {
  EXPECT_EQ(DimsToString({}), "[]");
  EXPECT_EQ(DimsToString({0}), "[0]");
  EXPECT_EQ(DimsToString({1, 3, 224, -1}), "[1,3,224,?]");
}

TEST(DimsToString, TakesTheExtremes) {
  EXPECT_EQ(DimsToString({std::numeric_limits<int64_t>::max()}), "[9223372036854775807]");
  EXPECT_EQ(DimsToString({std::numeric_limits<int64_t>::min()}), "[?]");
}

TEST(TensorView, IsEmptyByDefaultAndDoesNotOwn) {
  std::array<float, 2> memory = {1.0F, 2.0F};
  TensorView view;
  EXPECT_EQ(view.type, ElementType::kUndefined);
  EXPECT_EQ(view.data, nullptr);
  EXPECT_EQ(view.byte_length, 0U);
  view.data = memory.data();
  view.byte_length = sizeof(memory);
  const TensorView copy = view;
  EXPECT_EQ(copy.data, memory.data());
}

TEST(Value, KeepsItsMemoryForAsLongAsAnyCopyLives) {
  auto memory = std::make_shared<std::array<int32_t, 4>>();
  const std::weak_ptr<std::array<int32_t, 4>> alive = memory;
  Value value;
  value.kind = Value::Kind::kTensor;
  value.tensor.data = memory->data();
  value.owner = std::move(memory);
  {
    const Value copy = value;
    value = Value();
    EXPECT_FALSE(alive.expired());
    EXPECT_EQ(value.kind, Value::Kind::kNone);
    EXPECT_NE(copy.tensor.data, nullptr);
  }
  EXPECT_TRUE(alive.expired());
}

TEST(Value, NestsSequencesOfMaps) {
  Value map;
  map.kind = Value::Kind::kMap;
  map.items.resize(2);
  map.items[0].tensor.type = ElementType::kString;
  map.items[0].tensor.strings = {"cat", std::string("d\0g", 3)};
  Value sequence;
  sequence.kind = Value::Kind::kSequence;
  sequence.items = {map, map};
  const Value moved = std::move(sequence);
  ASSERT_EQ(moved.items.size(), 2U);
  EXPECT_EQ(moved.items[1].items[0].tensor.strings[1].size(), 3U);
}

}  // namespace
}  // namespace onlite
