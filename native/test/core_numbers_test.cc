#include <gtest/gtest.h>

#include <array>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "core/numbers/float_digits.h"
#include "core/numbers/parse_numbers.h"
#include "core/numbers/powers_of_ten.h"
#include "core/numbers/print_numbers.h"

namespace onlite::numbers {
namespace {

template <typename To, typename From>
To As(From from) {
  static_assert(sizeof(To) == sizeof(From));
  To to;
  std::memcpy(&to, &from, sizeof(to));
  return to;
}

struct Parsed {
  Status status;
  ParsedNumbers numbers;
  ByteBuffer memory;
};

/// Of text in memory of exactly its length, beyond which a sanitizer sees.
Parsed Parse(const std::string& text, const NumberRules& rules, size_t begin = 0) {
  const std::vector<char> exact(text.begin(), text.end());
  Parsed parsed;
  parsed.status =
      ParseNumbers({exact.data(), exact.size()}, begin, rules, &parsed.memory, &parsed.numbers);
  return parsed;
}

template <typename Element>
std::vector<Element> ElementsOf(Parsed& parsed) {
  std::vector<Element> elements(parsed.numbers.count);
  if (!elements.empty()) {
    std::memcpy(elements.data(), parsed.memory.data(), elements.size() * sizeof(Element));
  }
  return elements;
}

template <typename Element>
std::string Print(ElementType type, const std::vector<Element>& elements,
                  const std::vector<int64_t>& dims, const NumberStyle& style = {}) {
  ByteBuffer text;
  size_t length = 0;
  const Status status = PrintNumbers(type, elements.data(), dims, style, &text, &length, nullptr);
  return status.ok() ? std::string(reinterpret_cast<char*>(text.data()), length) : status.message();
}

/// What numbers are compared with has more bits than they have.
using Wide = long double;  // NOLINT(google-runtime-float)

TEST(PowersOfTen, AreWhatTheirExponentsSay) {
  for (int k = kLeastPower; k <= kGreatestPower; ++k) {
    EXPECT_EQ(PowerOfTen(k).high >> 63, 1U) << k;
    EXPECT_EQ(BinaryExponent(k), static_cast<int>(std::floor(k * std::log2(10.0L)))) << k;
    // The significand of the nearest long double, where that has 64 bits.
    if (std::numeric_limits<Wide>::digits != 64) continue;
    const Wide power = std::ldexp(std::strtold(("1e" + std::to_string(k)).c_str(), nullptr),
                                  63 - BinaryExponent(k));
    const Wide ours = static_cast<Wide>(PowerOfTen(k).high) +
                      std::ldexp(static_cast<Wide>(PowerOfTen(k).low), -64);
    EXPECT_LE(std::fabs(power - ours), 1.0L) << k;
  }
  for (int e = -1074; e <= 971; ++e) {
    EXPECT_EQ(DecimalExponent(e), static_cast<int>(std::floor(e * std::log10(2.0L)))) << e;
  }
}

/// Numbers with random bits, and with few digits.
template <typename Float, typename Bits>
std::vector<Float> RandomFloats(size_t count) {
  std::mt19937_64 random(1);
  std::vector<Float> floats;
  while (floats.size() < count) {
    const auto any = As<Float>(static_cast<Bits>(random()));
    if (std::isfinite(any)) floats.push_back(any);
    const int power = static_cast<int>(random() % 20) - 10;
    floats.push_back(
        static_cast<Float>(static_cast<double>(random() % 1000) * std::pow(10, power)));
  }
  return floats;
}

/// As the C++ library writes it: its shortest digits, and those of printf.
template <typename Float, typename Bits>
void ComparePrinting(ElementType type, int enough) {
  const std::vector<Float> floats = RandomFloats<Float, Bits>(20000);
  for (const Float value : floats) {
    const std::string ours = Print(type, std::vector<Float>{value}, {});
    std::array<char, 64> text{};
    Float back = 0;
    std::from_chars(ours.data(), ours.data() + ours.size(), back);
    EXPECT_EQ(As<Bits>(back), As<Bits>(value)) << ours;
    const auto digits = [](const std::string& number) {
      std::string found;
      for (const char letter : number.substr(0, number.find('e'))) {
        if (letter != '.' && letter != '-') found += letter;
      }
      found.erase(0, found.find_first_not_of('0'));
      return found.substr(0, found.find_last_not_of('0') + 1);
    };
    char* const end =
        std::to_chars(text.data(), text.data() + 64, value, std::chars_format::scientific).ptr;
    EXPECT_EQ(digits(ours), digits(std::string(text.data(), end)));

    static_cast<void>(std::snprintf(text.data(), text.size(), "%.6g", static_cast<double>(value)));
    if (static_cast<Float>(std::strtod(text.data(), nullptr)) != value) {
      static_cast<void>(
          std::snprintf(text.data(), text.size(), "%.*g", enough, static_cast<double>(value)));
    }
    std::string expected(text.data());
    if (expected.find_first_of(".e") == std::string::npos) expected += ".0";
    EXPECT_EQ(Print(type, std::vector<Float>{value}, {}, {.general = true}), expected);
  }
}

TEST(PrintNumbers, WritesFloat32AsTheLibrary) {
  ComparePrinting<float, uint32_t>(ElementType::kFloat32, 9);
}

TEST(PrintNumbers, WritesFloat64AsTheLibrary) {
  ComparePrinting<double, uint64_t>(ElementType::kFloat64, 17);
}

/// Random decimals of up to 60 digits, and those that lie in the middle of two floats.
template <typename Float, typename Bits>
void CompareParsing(ElementType type) {
  std::mt19937_64 random(2);
  std::vector<std::string> texts;
  for (int round = 0; round < 20000; ++round) {
    std::string text(1, static_cast<char>('1' + random() % 9));
    text += '.';
    for (size_t left = 1 + random() % 60; left > 0; --left) {
      text += static_cast<char>('0' + random() % 10);
    }
    texts.push_back(text + "e" + std::to_string(static_cast<int>(random() % 660) - 340));
  }
  for (const Float value : RandomFloats<Float, Bits>(1000)) {
    const Float next = std::nextafter(value, std::numeric_limits<Float>::infinity());
    if (!std::isfinite(next) || value < 0) continue;
    std::array<char, 1500> text{};
    const Wide middle = (static_cast<Wide>(value) + next) / 2;
    static_cast<void>(std::snprintf(text.data(), text.size(), "%.1100Lf", middle));
    texts.emplace_back(text.data());
    texts.push_back(texts.back() + "1");
  }
  for (const std::string& text : texts) {
    Float expected = 0;
    const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), expected);
    if (error == std::errc::result_out_of_range) {
      expected = static_cast<Float>(std::strtold(text.c_str(), nullptr));
    }
    Parsed parsed = Parse(text, {.type = type});
    ASSERT_TRUE(parsed.status.ok()) << text;
    EXPECT_EQ(As<Bits>(ElementsOf<Float>(parsed)[0]), As<Bits>(expected)) << text;
  }
}

TEST(ParseNumbers, RoundsFloat32AsTheLibrary) {
  CompareParsing<float, uint32_t>(ElementType::kFloat32);
}

TEST(ParseNumbers, RoundsFloat64AsTheLibrary) {
  CompareParsing<double, uint64_t>(ElementType::kFloat64);
}

TEST(ParseNumbers, ReadsEveryFloat16ThatIsPrinted) {
  for (const ElementType type : {ElementType::kFloat16, ElementType::kBFloat16}) {
    std::vector<uint16_t> bits;
    const int limit = type == ElementType::kFloat16 ? 0x7c00 : 0x7f80;
    for (int value = 0; value <= limit; ++value) bits.push_back(static_cast<uint16_t>(value));
    const std::string text = Print(type, bits, {static_cast<int64_t>(bits.size())});
    Parsed parsed = Parse(text, {.type = type});
    ASSERT_TRUE(parsed.status.ok()) << parsed.status.message();
    EXPECT_EQ(ElementsOf<uint16_t>(parsed), bits);
  }
}

TEST(ParseNumbers, SaysDimsAndWhereTheValueEnds) {
  Parsed parsed =
      Parse("x [[1, 2 ] ,[3,4],[5,6]] rest", {.type = ElementType::kInt64, .partial = true}, 1);
  ASSERT_TRUE(parsed.status.ok()) << parsed.status.message();
  EXPECT_EQ(parsed.numbers.dims, (Dims{3, 2}));
  EXPECT_EQ(parsed.numbers.end, 24U);
  EXPECT_EQ(ElementsOf<int64_t>(parsed), (std::vector<int64_t>{1, 2, 3, 4, 5, 6}));
}

TEST(ParseNumbers, ReadsNothingBehindItsText) {
  const std::string text = "[[-12345678.12345678e+12,NaN,-Infinity,true],[1,2]]";
  for (int type = 1; type <= static_cast<int>(ElementType::kBool); ++type) {
    for (size_t length = 0; length <= text.size(); ++length) {
      for (size_t begin = 0; begin <= length; ++begin) {
        const NumberRules rules{.type = static_cast<ElementType>(type), .partial = begin % 2 == 0};
        Parse(text.substr(0, length), rules, begin);
      }
    }
  }
}

TEST(ParseNumbers, SurvivesMutations) {
  std::mt19937_64 random(3);
  const std::string seed =
      "[[1.5,-2e10,NaN],[0.1234567890123456789,4,-Infinity],[18446744073709551615,1e400,-0]]";
  const std::string alphabet = "[],.-+eE0123456789NIftn \"{\x80\xff";
  for (int round = 0; round < 30000; ++round) {
    std::string text = seed;
    for (size_t change = random() % 4; change > 0; --change) {
      text[random() % text.size()] = alphabet[random() % alphabet.size()];
    }
    text.resize(random() % (text.size() + 1));
    NumberRules rules;
    rules.type = static_cast<ElementType>(1 + random() % 13);
    rules.whole_numbers = random() % 2 == 0;
    rules.bool_numbers = random() % 2 == 0;
    rules.partial = random() % 2 == 0;
    rules.non_finite = random() % 2 == 0;
    rules.overflow = random() % 2 == 0;
    rules.max_depth = random() % 4;
    if (random() % 4 == 0) rules.max_elements = random() % 6;
    if (random() % 4 == 0) rules.max_bytes = random() % 80;
    std::vector<uint8_t> fixed(random() % 64);
    const std::vector<char> exact(text.begin(), text.end());
    ByteBuffer memory = random() % 2 == 0 ? ByteBuffer() : ByteBuffer(fixed.data(), fixed.size());
    ParsedNumbers numbers;
    const Status status = ParseNumbers({exact.data(), exact.size()}, 0, rules, &memory, &numbers);
    if (status.ok()) {
      EXPECT_EQ(ElementCount(numbers.dims), numbers.count);
      EXPECT_LE(numbers.count * ElementBits(rules.type) / 8, memory.capacity());
    }
  }
}

TEST(PrintNumbers, NestsByTheDims) {
  const std::vector<int16_t> elements = {1, -2, 3, 4};
  EXPECT_EQ(Print(ElementType::kInt16, elements, {2, 2}), "[[1,-2],[3,4]]");
  EXPECT_EQ(Print(ElementType::kInt16, elements, {1, 4, 1}), "[[[1],[-2],[3],[4]]]");
  EXPECT_EQ(Print(ElementType::kInt16, elements, {2, 0, 7}), "[[],[]]");
  EXPECT_EQ(Print(ElementType::kInt16, elements, {0}), "[]");
  EXPECT_EQ(Print(ElementType::kInt16, elements, {}), "1");
}

TEST(PrintNumbers, FillsFixedMemoryToTheLastByte) {
  const std::vector<double> elements = {-1.2345678901234567e-308, 123456789012345680000.0, 0.5};
  const std::string whole = Print(ElementType::kFloat64, elements, {3});
  for (size_t room = 0; room <= whole.size(); ++room) {
    std::vector<char> memory(room);
    ByteBuffer text(memory.data(), room);
    size_t length = 0;
    const std::vector<int64_t> dims = {3};
    const Status status =
        PrintNumbers(ElementType::kFloat64, elements.data(), dims, {}, &text, &length, nullptr);
    EXPECT_EQ(status.ok(), room == whole.size());
    if (room == whole.size()) {
      EXPECT_EQ(std::string(memory.data(), length), whole);
    }
  }
}

}  // namespace
}  // namespace onlite::numbers
