#include <gtest/gtest.h>

#include "session/run_records.h"

namespace onlite {
namespace {

TEST(RunRecords, GiveEachRecordOnce) {
  RunRecords records;
  records.SetKept(true);
  RunRecord record;
  record.batch_rows = 3;
  records.Keep(7, record);
  EXPECT_FALSE(records.Take(8).has_value());
  ASSERT_TRUE(records.Take(7).has_value());
  EXPECT_FALSE(records.Take(7).has_value());
}

TEST(RunRecords, KeepTheLastRecordOfAnId) {
  RunRecords records;
  records.SetKept(true);
  RunRecord record;
  for (const size_t rows : {1, 2}) {
    record.batch_rows = rows;
    records.Keep(RunRecords::kSynchronous, record);
  }
  const auto taken = records.Take(RunRecords::kSynchronous);
  ASSERT_TRUE(taken.has_value());
  EXPECT_EQ(taken->batch_rows, 2U);
  EXPECT_EQ(taken->phases.total_ns, -1);
}

TEST(RunRecords, ForgetAllWhenNobodyWatches) {
  RunRecords records;
  EXPECT_FALSE(records.kept());
  records.SetKept(true);
  records.Keep(1, {});
  records.SetKept(false);
  records.SetKept(true);
  EXPECT_FALSE(records.Take(1).has_value());
}

}  // namespace
}  // namespace onlite
