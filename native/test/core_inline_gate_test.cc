#include <gtest/gtest.h>

#include "core/inline_gate.h"

namespace onlite {
namespace {

constexpr int64_t kLimit = 20'000;
constexpr int64_t kQuick = 1'000;
constexpr int64_t kSlow = 5'000'000;

class InlineGateTest : public testing::Test {
 protected:
  explicit InlineGateTest(int percentile = 99) { gate_.SetLimit(kLimit, percentile); }

  void Elsewhere(int64_t nanoseconds, int runs) {
    for (int run = 0; run < runs; ++run) gate_.RecordElsewhere(nanoseconds);
  }
  void Here(int64_t nanoseconds, int runs) {
    for (int run = 0; run < runs; ++run) gate_.RecordHere(nanoseconds, [] { return int64_t{0}; });
  }

  InlineGate gate_;
};

TEST_F(InlineGateTest, OpensAfterManyQuickRuns) {
  Elsewhere(kQuick, 98);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 1);
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(InlineGateTest, OpensLaterAfterSlowRuns) {
  Elsewhere(kSlow, 2);
  Elsewhere(kQuick, 116);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 1);
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(InlineGateTest, StaysClosedWhereMostRunsAreSlowAndForgetsThem) {
  for (int round = 0; round < 1000; ++round) {
    Elsewhere(kLimit, 1);
    Elsewhere(kQuick, 8);
    EXPECT_FALSE(gate_.is_open());
  }
  Elsewhere(kQuick, 1000);
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(InlineGateTest, BearsSlowRunsThatAreRare) {
  Elsewhere(kQuick, 100);
  for (int round = 0; round < 100; ++round) {
    Here(kSlow, 1);
    Here(kQuick, 99);
    Here(kQuick, 1);
    EXPECT_TRUE(gate_.is_open());
  }
}

TEST_F(InlineGateTest, ClosesWhereTwoOfAHundredAreSlow) {
  Elsewhere(kQuick, 100);
  for (int round = 0; round < 3 && gate_.is_open(); ++round) {
    Here(kLimit, 2);
    Here(kQuick, 98);
  }
  EXPECT_FALSE(gate_.is_open());
}

TEST_F(InlineGateTest, ClosesForLonger) {
  Elsewhere(kQuick, 100);
  Here(kLimit, 3);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 989);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 1);
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(InlineGateTest, HardlyMindsRunsThatLostTheProcessor) {
  static int64_t preemptions = 0;
  const auto preempted = [] { return ++preemptions; };
  Elsewhere(kQuick, 100);
  for (int round = 0; round < 100; ++round) {
    for (int run = 0; run < 4; ++run) gate_.RecordHere(kSlow, preempted);
    Here(kQuick, 100);
    EXPECT_TRUE(gate_.is_open());
  }
  // Runs that are slow themselves lose it all the time.
  for (int run = 0; run < 11; ++run) gate_.RecordHere(kSlow, preempted);
  EXPECT_FALSE(gate_.is_open());
}

/// Three of four runs have to be quick.
class ThreeOfFourTest : public InlineGateTest {
 protected:
  ThreeOfFourTest() : InlineGateTest(75) {}
};

TEST_F(ThreeOfFourTest, OpensAfterThreeQuickRuns) {
  Elsewhere(kQuick, 2);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 1);
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(ThreeOfFourTest, BearsAFewSlowRunsAtTheStart) {
  Elsewhere(kSlow, 2);
  Elsewhere(kQuick, 8);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 1);
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(ThreeOfFourTest, StaysOpenWhereEveryFourthRunIsSlow) {
  Elsewhere(kQuick, 3);
  for (int round = 0; round < 1000; ++round) {
    Here(kSlow, 1);
    Here(kQuick, 3);
    EXPECT_TRUE(gate_.is_open());
  }
}

TEST_F(ThreeOfFourTest, ClosesAfterThreeSlowRunsForTenTimesAsLong) {
  Elsewhere(kQuick, 3);
  Here(kSlow, 2);
  EXPECT_TRUE(gate_.is_open());
  Here(kSlow, 1);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 29);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 1);
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(ThreeOfFourTest, OpensOnOtherThreadsWhereEveryFifthRunIsSlow) {
  for (int round = 0; round < 8 && !gate_.is_open(); ++round) {
    Elsewhere(kSlow, 1);
    Elsewhere(kQuick, 4);
  }
  EXPECT_TRUE(gate_.is_open());
}

TEST_F(InlineGateTest, OpensAfterOneQuickRunIfHalfMayBeSlow) {
  gate_.SetLimit(kLimit, 50);
  EXPECT_FALSE(gate_.is_open());
  Elsewhere(kQuick, 1);
  EXPECT_TRUE(gate_.is_open());
}

TEST(InlineGate, NeverOpensIfNothingIsSet) {
  InlineGate gate;
  gate.RecordElsewhere(0);
  gate.RecordElsewhere(kSlow);
  EXPECT_FALSE(gate.is_enabled());
  EXPECT_FALSE(gate.is_open());
}

TEST_F(InlineGateTest, NeverOpensWithoutALimit) {
  gate_.SetLimit(0);
  EXPECT_FALSE(gate_.is_enabled());
  Elsewhere(0, 1000);
  EXPECT_FALSE(gate_.is_open());
}

}  // namespace
}  // namespace onlite
