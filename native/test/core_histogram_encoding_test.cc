#include <gtest/gtest.h>

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "core/hdr_encoding.h"
#include "core/histogram.h"

namespace onlite {
namespace {

using Bytes = std::vector<uint8_t>;

Status Decode(const Bytes& bytes, HistogramSnapshot* snapshot) {
  // A copy of its exact size, so that ASan sees a byte too many.
  const Bytes exact(bytes.begin(), bytes.end());
  return DecodeHdr(exact, snapshot);
}

void ExpectRoundTrip(const HistogramSnapshot& snapshot) {
  HistogramSnapshot read;
  const Status status = Decode(EncodeHdr(snapshot), &read);
  ASSERT_TRUE(status.ok()) << status.message();
  EXPECT_EQ(read.layout(), snapshot.layout());
  EXPECT_EQ(read.first(), snapshot.first());
  EXPECT_EQ(read.counts(), snapshot.counts());
}

Bytes WithPayload(const Bytes& payload) {
  Bytes bytes = EncodeHdr(HistogramSnapshot());
  bytes.resize(40);
  bytes[7] = static_cast<uint8_t>(payload.size());
  bytes.insert(bytes.end(), payload.begin(), payload.end());
  return bytes;
}

TEST(HistogramEncoding, HasTheHeaderOfVersionTwo) {
  const Bytes expected = {
      0x1c, 0x84, 0x93, 0x13, 0, 0, 0, 1, 0, 0, 0,    0,    0,    0,    0,    2,  // cookie …
      0,    0,    0,    0,    0, 0, 0, 1, 0, 0, 0x03, 0x46, 0x30, 0xb8, 0xa0, 0,  // range
      0x3f, 0xf0, 0,    0,    0, 0, 0, 0, 0,                                      // ratio, counts
  };
  EXPECT_EQ(EncodeHdr(HistogramSnapshot()), expected);
}

TEST(HistogramEncoding, RoundTripsCountsAndRunsOfZeros) {
  const HistogramLayout layout = HistogramLayout::Latency();
  ExpectRoundTrip(HistogramSnapshot(layout));
  ExpectRoundTrip({layout, 0, {1}});
  ExpectRoundTrip({layout, 1, {63, 64, 0, 8191, 8192, 0, 0, 1}});
  ExpectRoundTrip({layout, layout.counts() - 1, {uint64_t{1} << 53}});
  std::mt19937_64 random(1);
  for (int round = 0; round < 200; ++round) {
    std::vector<uint64_t> counts(1 + random() % 500);
    for (uint64_t& count : counts) {
      count = random() % 3 == 0 ? (random() & 0x7ffff'ffffffff) >> (random() % 51) / 10 * 10 : 0;
      count &= (uint64_t{1} << 43) - 1;
    }
    ExpectRoundTrip({layout, random() % 4000, counts});
  }
}

TEST(HistogramEncoding, RoundTripsEveryLayout) {
  for (const int digits : {0, 1, 2, 3, 4, 5}) {
    for (const uint64_t lowest : {1U, 7U, 1000U}) {
      HistogramLayout layout = HistogramLayout::Latency();
      ASSERT_TRUE(HistogramLayout::Make(digits, lowest, 1'000'000'000, &layout).ok());
      Histogram histogram(layout);
      for (uint64_t value = 1; value < 3'000'000'000; value *= 3) histogram.Record(value);
      ExpectRoundTrip(histogram.Snapshot());
    }
  }
}

TEST(HistogramEncoding, RefusesCountsThatDoNotFit) {
  HistogramSnapshot snapshot;
  EXPECT_TRUE(Decode(WithPayload({2}), &snapshot).ok());
  const Bytes wrong[] = {
      {0x80},                                                  // cut off
      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},        // cut off
      {0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},  // a run of 2^63 zeros
      {0xfe, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff},  // 2^63 - 1 samples
      {0x81, 0x48},                                            // 4609 zeros
      {0xff, 0x47, 2},                                         // 4608, and a count
      {0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x20, 2},     // 2^53 samples and one
  };
  for (const Bytes& payload : wrong) {
    EXPECT_EQ(Decode(WithPayload(payload), &snapshot).code(), ErrorCode::kInvalidArgument);
  }
  EXPECT_EQ(snapshot.count(), 1U) << "left alone";
  EXPECT_TRUE(Decode(WithPayload({0xff, 0x47}), &snapshot).ok()) << "4608 zeros";
  EXPECT_TRUE(Decode(WithPayload({0xfd, 0x47, 2}), &snapshot).ok()) << "4607 zeros, and a count";
  EXPECT_EQ(snapshot.first(), 4607U);
}

TEST(HistogramEncoding, RefusesEveryBeginningOfAnEncoding) {
  Histogram histogram;
  for (uint64_t value = 1; value < 1'000'000; value += value / 3 + 1) histogram.Record(value);
  const Bytes whole = EncodeHdr(histogram.Snapshot());
  HistogramSnapshot snapshot;
  for (size_t length = 0; length < whole.size(); ++length) {
    const Bytes part(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(length));
    EXPECT_EQ(Decode(part, &snapshot).code(), ErrorCode::kInvalidArgument) << length;
  }
}

TEST(HistogramEncoding, SurvivesDamage) {
  Histogram histogram;
  for (uint64_t value = 1; value < 1'000'000; value += value / 3 + 1) histogram.Record(value);
  const Bytes whole = EncodeHdr(histogram.Snapshot());
  std::mt19937_64 random(2);
  int refused = 0;
  for (int round = 0; round < 20'000; ++round) {
    Bytes bytes = whole;
    for (uint64_t damage = 1 + random() % 4; damage > 0; --damage) {
      // The header twice as often as its share.
      const size_t at = random() % 2 == 0 ? random() % 40 : random() % bytes.size();
      bytes[at] = random() % 2 == 0 ? static_cast<uint8_t>(random())
                                    : static_cast<uint8_t>(bytes[at] ^ (1U << random() % 8));
    }
    HistogramSnapshot snapshot;
    const Status status = Decode(bytes, &snapshot);
    if (!status.ok()) {
      EXPECT_EQ(status.code(), ErrorCode::kInvalidArgument);
      ++refused;
      continue;
    }
    EXPECT_LE(snapshot.Percentile(50), snapshot.max());
    EXPECT_EQ(snapshot.CountBetween(0, UINT64_MAX), snapshot.count());
  }
  EXPECT_GT(refused, 1000);
  EXPECT_LT(refused, 20'000);
}

}  // namespace
}  // namespace onlite
