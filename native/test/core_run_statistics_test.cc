#include <gtest/gtest.h>

#include <cstdint>
#include <thread>
#include <vector>

#include "core/run_statistics.h"

namespace onlite {
namespace {

constexpr RunPhases kRun = {1'000, 200, 3'000, 400, 5'000};

TEST(RunStatistics, KeepsThePhasesApart) {
  RunStatistics statistics;
  statistics.RecordSuccess(kRun);
  statistics.RecordSynchronous(3'000, 3'500);
  EXPECT_EQ(statistics.Snapshot(Phase::kQueue).max(), 1'000U);
  EXPECT_EQ(statistics.Snapshot(Phase::kBind).max(), 200U);
  EXPECT_EQ(statistics.Snapshot(Phase::kFetch).max(), 400U);
  EXPECT_EQ(statistics.Snapshot(Phase::kInvoke).count(), 2U);
  EXPECT_EQ(statistics.Snapshot(Phase::kTotal).count(), 2U);
  EXPECT_EQ(statistics.Snapshot(Phase::kTotal).min(), 3'500U);
  EXPECT_EQ(statistics.Snapshot(Phase::kTotal).max(), 5'000U);
  EXPECT_EQ(statistics.Snapshot(Phase::kQueue).count(), 1U);
}

TEST(RunStatistics, TakesNegativeTimesAsZero) {
  RunStatistics statistics;
  statistics.RecordSuccess({-1, -1, -1, -1, -1});
  statistics.RecordFailure(ErrorCode::kRunFailed, INT64_MIN);
  EXPECT_EQ(statistics.Snapshot(Phase::kQueue).max(), 0U);
  EXPECT_EQ(statistics.Failures(ErrorCode::kRunFailed).max(), 0U);
}

TEST(RunStatistics, KeepsFailuresApartFromSuccessesByCode) {
  RunStatistics statistics;
  EXPECT_TRUE(statistics.FailureCodes().empty());
  statistics.RecordFailure(ErrorCode::kTimeout, 7'000);
  statistics.RecordFailure(ErrorCode::kTimeout, 8'000);
  statistics.RecordFailure(ErrorCode::kCancelled, 10);
  EXPECT_EQ(statistics.FailureCodes(),
            (std::vector<ErrorCode>{ErrorCode::kTimeout, ErrorCode::kCancelled}));
  EXPECT_EQ(statistics.Failures(ErrorCode::kTimeout).count(), 2U);
  EXPECT_EQ(statistics.Failures(ErrorCode::kTimeout).max(), 8'000U);
  EXPECT_EQ(statistics.Failures(ErrorCode::kRunFailed).count(), 0U);
  EXPECT_EQ(statistics.Snapshot(Phase::kTotal).count(), 0U);
  statistics.ResetFailures(ErrorCode::kTimeout);
  EXPECT_EQ(statistics.Failures(ErrorCode::kTimeout).count(), 0U);
  EXPECT_EQ(statistics.Failures(ErrorCode::kCancelled).count(), 1U);
}

TEST(RunStatistics, CountsEachRunInOneInterval) {
  RunStatistics statistics;
  for (int interval = 0; interval < 3; ++interval) {
    statistics.RecordSuccess(kRun);
    statistics.RecordFailure(ErrorCode::kBusy, 10);
    statistics.RecordRejected();
    EXPECT_EQ(statistics.TakeInterval(Phase::kTotal).count(), 1U);
    EXPECT_EQ(statistics.TakeFailuresInterval(ErrorCode::kBusy).count(), 1U);
    EXPECT_EQ(statistics.TakeRejectedInterval(), 1U);
    EXPECT_EQ(statistics.TakeRejectedInterval(), 0U);
  }
  EXPECT_EQ(statistics.TakeInterval(Phase::kInvoke).count(), 3U) << "each phase has its own";
  EXPECT_EQ(statistics.Snapshot(Phase::kTotal).count(), 3U);
  EXPECT_EQ(statistics.rejected(), 3U);
}

TEST(RunStatistics, ForgetsOnReset) {
  RunStatistics statistics;
  statistics.Reset();
  EXPECT_EQ(statistics.TakeInterval(Phase::kTotal).count(), 0U);
  statistics.RecordSuccess(kRun);
  statistics.RecordFailure(ErrorCode::kBusy, 10);
  statistics.RecordRejected();
  statistics.Reset();
  EXPECT_EQ(statistics.Snapshot(Phase::kTotal).count(), 0U);
  EXPECT_EQ(statistics.TakeInterval(Phase::kTotal).count(), 0U);
  EXPECT_EQ(statistics.Failures(ErrorCode::kBusy).count(), 0U);
  EXPECT_EQ(statistics.rejected(), 0U);
  EXPECT_EQ(statistics.TakeRejectedInterval(), 0U);
  statistics.RecordRejected();
  EXPECT_EQ(statistics.rejected(), 1U);
  EXPECT_EQ(statistics.TakeRejectedInterval(), 1U);
}

TEST(RunStatistics, TakesMemoryWithTheFirstRecordAndLittle) {
  RunStatistics statistics;
  statistics.RecordRejected();
  static_cast<void>(statistics.TakeInterval(Phase::kTotal));
  EXPECT_EQ(statistics.bytes(), 0U);
  statistics.RecordSuccess(kRun);
  EXPECT_LE(statistics.bytes(), 190'000U);
  // Latencies over three decades in each phase, two kinds of failures, intervals taken.
  for (int64_t time = 1'000; time < 1'000'000; time += time / 200) {
    statistics.RecordSuccess({time, time / 10, time * 10, time, time * 20});
    statistics.RecordFailure(ErrorCode::kTimeout, time * 20);
    statistics.RecordFailure(ErrorCode::kCancelled, time);
  }
  for (size_t phase = 0; phase < kPhaseNames.size(); ++phase) {
    static_cast<void>(statistics.TakeInterval(static_cast<Phase>(phase)));
  }
  for (const ErrorCode code : statistics.FailureCodes()) {
    static_cast<void>(statistics.TakeFailuresInterval(code));
  }
  EXPECT_LE(statistics.bytes(), 400'000U);
}

TEST(RunStatistics, HasOneSetForAllThreads) {
  constexpr uint64_t kRuns = 1'000;
  RunStatistics statistics;
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int thread = 0; thread < 8; ++thread) {
    threads.emplace_back([&statistics] {
      for (uint64_t run = 0; run < kRuns; ++run) {
        statistics.RecordSuccess(kRun);
        statistics.RecordFailure(ErrorCode::kTimeout, 9'000);
        statistics.RecordRejected();
      }
    });
  }
  uint64_t runs = 0;
  uint64_t rejected = 0;
  for (int interval = 0; interval < 50; ++interval) {
    runs += statistics.TakeInterval(Phase::kTotal).count();
    rejected += statistics.TakeRejectedInterval();
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(runs + statistics.TakeInterval(Phase::kTotal).count(), 8 * kRuns);
  EXPECT_EQ(rejected + statistics.TakeRejectedInterval(), 8 * kRuns);
  EXPECT_EQ(statistics.Snapshot(Phase::kQueue).count(), 8 * kRuns);
  EXPECT_EQ(statistics.Failures(ErrorCode::kTimeout).count(), 8 * kRuns);
}

}  // namespace
}  // namespace onlite
