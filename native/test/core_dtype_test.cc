#include <gtest/gtest.h>

#include <algorithm>
#include <array>
#include <cstdint>
#include <limits>
#include <optional>
#include <set>
#include <string_view>
#include <vector>

#include "core/dtype.h"

namespace onlite {
namespace {

constexpr int64_t kMax = std::numeric_limits<int64_t>::max();

ElementType TypeAt(size_t index) { return static_cast<ElementType>(index); }

std::optional<size_t> Count(const std::vector<int64_t>& dims) { return ElementCount(dims); }

std::optional<size_t> Bytes(ElementType type, const std::vector<int64_t>& dims) {
  return TensorBytes(type, dims);
}

TEST(ElementType, NamesAreDistinctAndInvertible) {
  std::set<std::string_view> names;
  for (size_t index = 1; index < kElementTypeCount; ++index) {
    const std::string_view name = ElementTypeName(TypeAt(index));
    EXPECT_FALSE(name.empty());
    EXPECT_TRUE(names.insert(name).second) << name << " names two types";
    EXPECT_EQ(ElementTypeFromName(name), TypeAt(index)) << name;
  }
}

TEST(ElementType, UnknownNamesAreUndefined) {
  for (const std::string_view name : {"", "float", "Float32", "float32 ", "undefined"}) {
    EXPECT_EQ(ElementTypeFromName(name), ElementType::kUndefined) << name;
  }
}

// lib/engine/tensor/element-type.ts repeats these numbers; a change here breaks every caller.
TEST(ElementType, NumbersAreStable) {
  EXPECT_EQ(ElementTypeName(TypeAt(1)), "float32");
  EXPECT_EQ(ElementTypeName(TypeAt(11)), "int64");
  EXPECT_EQ(ElementTypeName(TypeAt(14)), "string");
  EXPECT_EQ(ElementTypeName(TypeAt(16)), "uint4");
  EXPECT_EQ(ElementTypeName(TypeAt(25)), "uint2");
  EXPECT_EQ(kElementTypeCount, 26U);
}

TEST(ElementType, ValuesOutsideTheTableAreUndefined) {
  for (const size_t index : {kElementTypeCount, size_t{255}}) {
    EXPECT_EQ(ElementTypeName(TypeAt(index)), "undefined");
    EXPECT_EQ(ElementBits(TypeAt(index)), 0U);
    EXPECT_EQ(Bytes(TypeAt(index), {1}), std::nullopt);
  }
}

TEST(ElementBits, MatchesTheNumberInTheName) {
  EXPECT_EQ(ElementBits(ElementType::kFloat32), 32U);
  EXPECT_EQ(ElementBits(ElementType::kFloat64), 64U);
  EXPECT_EQ(ElementBits(ElementType::kBFloat16), 16U);
  EXPECT_EQ(ElementBits(ElementType::kBool), 8U);
  EXPECT_EQ(ElementBits(ElementType::kInt4), 4U);
  EXPECT_EQ(ElementBits(ElementType::kUInt2), 2U);
  EXPECT_EQ(ElementBits(ElementType::kComplex64), 64U);
  EXPECT_EQ(ElementBits(ElementType::kComplex128), 128U);
  EXPECT_EQ(ElementBits(ElementType::kFloat8E5M2FNUZ), 8U);
  EXPECT_EQ(ElementBits(ElementType::kFloat4E2M1), 4U);
  EXPECT_EQ(ElementBits(ElementType::kString), 0U);
}

TEST(ElementCount, MultipliesDims) {
  EXPECT_EQ(Count({}), 1U);
  EXPECT_EQ(Count({1, 3, 224, 224}), 150528U);
  EXPECT_EQ(Count({kMax}), static_cast<size_t>(kMax));
}

TEST(ElementCount, IsZeroForAnEmptyTensorHoweverHugeTheRest) {
  EXPECT_EQ(Count({0}), 0U);
  EXPECT_EQ(Count({2, 0, 3}), 0U);
  EXPECT_EQ(Count({kMax, 0}), 0U);
  EXPECT_EQ(Count({0, kMax}), 0U);
}

TEST(ElementCount, RefusesNegativeDims) {
  EXPECT_EQ(Count({-1}), std::nullopt);
  EXPECT_EQ(Count({0, -1}), std::nullopt);
  EXPECT_EQ(Count({std::numeric_limits<int64_t>::min()}), std::nullopt);
  EXPECT_EQ(Count({-2, -2}), std::nullopt);
}

TEST(ElementCount, RefusesOverflow) {
  EXPECT_EQ(Count({kMax, 3}), std::nullopt);
  EXPECT_EQ(Count({int64_t{1} << 32, int64_t{1} << 32}), std::nullopt);
  EXPECT_EQ(Count({int64_t{1} << 62, 2, 2}), std::nullopt);
}

TEST(TensorBytes, CountsWholeElements) {
  EXPECT_EQ(Bytes(ElementType::kFloat32, {}), 4U);
  EXPECT_EQ(Bytes(ElementType::kFloat32, {1, 3, 224, 224}), 602112U);
  EXPECT_EQ(Bytes(ElementType::kComplex128, {2}), 32U);
  EXPECT_EQ(Bytes(ElementType::kInt64, {0}), 0U);
}

TEST(TensorBytes, RoundsPackedTypesUp) {
  const std::array<size_t, 6> nibbles = {0, 1, 1, 2, 2, 3};
  const std::array<size_t, 6> crumbs = {0, 1, 1, 1, 1, 2};
  for (size_t count = 0; count < nibbles.size(); ++count) {
    const auto dim = static_cast<int64_t>(count);
    EXPECT_EQ(Bytes(ElementType::kInt4, {dim}), nibbles.at(count));
    EXPECT_EQ(Bytes(ElementType::kFloat4E2M1, {dim}), nibbles.at(count));
    EXPECT_EQ(Bytes(ElementType::kUInt2, {dim}), crumbs.at(count));
  }
  EXPECT_EQ(Bytes(ElementType::kUInt4, {kMax}), (static_cast<size_t>(kMax) + 1) / 2);
}

TEST(TensorBytes, RefusesStringsAndUndefined) {
  EXPECT_EQ(Bytes(ElementType::kString, {1}), std::nullopt);
  EXPECT_EQ(Bytes(ElementType::kUndefined, {1}), std::nullopt);
}

TEST(TensorBytes, RefusesNegativeDimsAndOverflow) {
  EXPECT_EQ(Bytes(ElementType::kFloat32, {-1}), std::nullopt);
  EXPECT_EQ(Bytes(ElementType::kFloat32, {kMax}), std::nullopt);
  EXPECT_EQ(Bytes(ElementType::kFloat64, {int64_t{1} << 61}), std::nullopt);
  EXPECT_EQ(Bytes(ElementType::kUInt8, {kMax, 2}), static_cast<size_t>(kMax) * 2);
}

// Each dim is drawn so that products straddle 2^64: compared with wider arithmetic.
TEST(ElementCount, AgreesWithWiderArithmetic) {
#ifdef __SIZEOF_INT128__
  __extension__ using Wide = unsigned __int128;
  uint64_t state = 0x9E3779B97F4A7C15U;
  for (int round = 0; round < 20000; ++round) {
    std::vector<int64_t> dims;
    Wide product = 1;
    bool fits = true;
    for (int axis = 0; axis < 3; ++axis) {
      state ^= state << 13U;
      state ^= state >> 7U;
      state ^= state << 17U;
      const auto dim = static_cast<int64_t>((state >> (state % 60U)) >> 1U);
      dims.push_back(dim);
      if (dim == 0) continue;
      product *= static_cast<Wide>(dim);
      fits = fits && product <= std::numeric_limits<uint64_t>::max();
      if (!fits) break;
    }
    const std::optional<size_t> count = ElementCount(dims);
    ASSERT_EQ(count.has_value(), fits);
    const bool empty = std::find(dims.begin(), dims.end(), 0) != dims.end();
    if (fits) {
      ASSERT_EQ(*count, empty ? 0 : static_cast<size_t>(product));
    }
  }
#else
  GTEST_SKIP() << "the compiler has no 128-bit integers";
#endif
}

}  // namespace
}  // namespace onlite
