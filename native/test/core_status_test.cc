#include <gtest/gtest.h>

#include <set>
#include <string>
#include <type_traits>
#include <utility>

#include "core/status.h"

namespace onlite {
namespace {

constexpr int kErrorCodes = static_cast<int>(ErrorCode::kRunFailed) + 1;

TEST(Status, IsOkByDefault) {
  const Status status;
  EXPECT_TRUE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kOk);
  EXPECT_EQ(status.message(), "");
  EXPECT_EQ(status.cause(), "");
  EXPECT_TRUE(Status::Ok().ok());
}

TEST(Status, CarriesCodeMessageAndCause) {
  const Status status(ErrorCode::kShapeMismatch, "inputs.x.dims[0]: expected 1, got 2", "rank");
  EXPECT_FALSE(status.ok());
  EXPECT_EQ(status.code(), ErrorCode::kShapeMismatch);
  EXPECT_EQ(status.message(), "inputs.x.dims[0]: expected 1, got 2");
  EXPECT_EQ(status.cause(), "rank");
  EXPECT_EQ(Status(ErrorCode::kBusy, "busy").cause(), "");
}

TEST(Status, KeepsNulBytesAndMoves) {
  std::string message("a\0b", 3);
  Status status(ErrorCode::kModelInvalid, message);
  EXPECT_EQ(status.message().size(), 3U);
  const Status moved = std::move(status);
  EXPECT_EQ(moved.message(), message);
  EXPECT_EQ(moved.code(), ErrorCode::kModelInvalid);
  static_assert(std::is_nothrow_move_constructible_v<Status>);
}

TEST(ErrorCodeName, IsDistinctAndPrefixedForEveryCode) {
  std::set<std::string> names;
  for (int code = 0; code < kErrorCodes; ++code) {
    const std::string name = ErrorCodeName(static_cast<ErrorCode>(code));
    EXPECT_TRUE(names.insert(name).second) << name << " names two codes";
    if (code != 0) {
      EXPECT_EQ(name.rfind("ERR_", 0), 0U) << name;
    }
  }
  EXPECT_EQ(names.count("ERR_TENSOR_DISPOSED"), 1U);
}

TEST(ErrorCodeName, SurvivesAValueThatIsNoCode) {
  EXPECT_STREQ(ErrorCodeName(static_cast<ErrorCode>(kErrorCodes)), "ERR_RUN_FAILED");
}

Status Forward(const Status& status, bool* reached) {
  ONLITE_RETURN_IF_ERROR(status);
  *reached = true;
  return Status::Ok();
}

TEST(ReturnIfError, LeavesOnlyOnError) {
  bool reached = false;
  const Status failed = Forward(Status(ErrorCode::kTimeout, "late", "clock"), &reached);
  EXPECT_FALSE(reached);
  EXPECT_EQ(failed.code(), ErrorCode::kTimeout);
  EXPECT_EQ(failed.message(), "late");
  EXPECT_EQ(failed.cause(), "clock");
  EXPECT_TRUE(Forward(Status::Ok(), &reached).ok());
  EXPECT_TRUE(reached);
}

TEST(ReturnIfError, EvaluatesItsExpressionOnce) {
  int calls = 0;
  const auto count = [&calls]() -> Status {
    ++calls;
    return Status(ErrorCode::kBusy, "busy");
  };
  const auto run = [&count]() -> Status {
    ONLITE_RETURN_IF_ERROR(count());
    return Status::Ok();
  };
  EXPECT_EQ(run().code(), ErrorCode::kBusy);
  EXPECT_EQ(calls, 1);
}

}  // namespace
}  // namespace onlite
