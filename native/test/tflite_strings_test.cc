#include <gtest/gtest.h>

#include "runtimes/tflite/model/strings.h"

namespace onlite::tflite {
namespace {

TEST(TfLiteStringsTest, RoundTrips) {
  const std::vector<std::vector<std::string>> cases = {
      {}, {""}, {"a"}, {"", "x", ""}, {"gr\xC3\xBC\xC3\x9F", std::string("n\0l", 3)}};
  for (const auto& strings : cases) {
    std::vector<uint8_t> packed;
    ASSERT_TRUE(EncodeStrings(strings, &packed));
    std::vector<std::string> decoded;
    ASSERT_TRUE(DecodeStrings(packed, strings.size(), &decoded));
    EXPECT_EQ(decoded, strings);
  }
}

TEST(TfLiteStringsTest, PacksAsTheRuntimeDoes) {
  std::vector<uint8_t> packed;
  ASSERT_TRUE(EncodeStrings({"ab", "c"}, &packed));
  EXPECT_EQ(packed, (std::vector<uint8_t>{2, 0, 0, 0, 16, 0, 0, 0, 18, 0, 0, 0, 19, 0, 0, 0, 'a',
                                          'b', 'c'}));
}

TEST(TfLiteStringsTest, RefusesDamage) {
  std::vector<uint8_t> packed;
  ASSERT_TRUE(EncodeStrings({"ab", "c"}, &packed));
  std::vector<std::string> decoded;
  EXPECT_FALSE(DecodeStrings(packed, 1, &decoded));
  EXPECT_FALSE(DecodeStrings(packed, 3, &decoded));
  for (size_t size = 0; size < packed.size(); ++size) {
    EXPECT_FALSE(DecodeStrings({packed.data(), size}, 2, &decoded)) << size;
  }
  for (const uint8_t offset : {0x7F, 0x80, 0xFF}) {
    std::vector<uint8_t> damaged = packed;
    damaged[11] = offset;
    EXPECT_FALSE(DecodeStrings(damaged, 2, &decoded));
  }
}

}  // namespace
}  // namespace onlite::tflite
