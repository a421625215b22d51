#include "core/histogram_layout.h"

namespace onlite {

Status HistogramLayout::Make(int digits, uint64_t lowest, uint64_t highest,
                             HistogramLayout* layout) {
  if (digits < 0 || digits > 5) {
    return {ErrorCode::kInvalidArgument, "significant digits: expected 0 to 5"};
  }
  // With 18 bits of a bucket at most, no shift of the layout's leaves 64 bits.
  constexpr uint64_t kMaxLowest = uint64_t{1} << 40;
  if (lowest < 1 || lowest > kMaxLowest) {
    return {ErrorCode::kInvalidArgument, "lowest discernible value: expected 1 to 2^40"};
  }
  if (highest < 2 * lowest || highest > INT64_MAX) {
    return {ErrorCode::kInvalidArgument,
            "highest trackable value: expected twice the lowest one at least, below 2^63"};
  }
  const HistogramLayout made(digits, lowest, highest);
  if (made.counts() > kMaxCounts) {
    return {ErrorCode::kInvalidArgument, "the histogram has more than 2^22 counters"};
  }
  *layout = made;
  return Status::Ok();
}

}  // namespace onlite
