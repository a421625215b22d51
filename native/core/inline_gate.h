#pragma once

#include <algorithm>
#include <cstdint>

#include "core/preemptions.h"

namespace onlite {

/// Whether a session's runs are so quick that the thread that asks for one had better
/// make it itself than hand it to another: so many of 100 take less than a limit there.
///
/// A slow run has to be made up for by as many quick ones as the percentile says: 99 at
/// 99 of 100, three at 75. Runs on other threads, whose caches are cold and which a busy
/// system makes wait, only tell whether to try: it opens when about 90 of 100 of them were
/// quick, or fewer where fewer need be, and not before they have made up for one slow run,
/// since the first runs are slow. What runs take that are made here decides whether it stays
/// open. A slow run during which the system gave the processor to others says little, and
/// one slow run alone does not close it. For one thread.
class InlineGate {
 public:
  /// Before the first run. A limit of 0 never opens; the percentile is 50 to 99.
  void SetLimit(int64_t limit_ns, int percentile = 99) {
    limit_ns_ = limit_ns;
    slow_ = percentile / (100 - percentile);
    weight_ = slow_;
  }
  /// Whether anybody need measure runs.
  bool is_enabled() const { return limit_ns_ > 0; }
  bool is_open() const { return open_; }

  /// A run on another thread took so long.
  void RecordElsewhere(int64_t invoke_ns) {
    if (open_ || !is_enabled()) return;
    const int slow = std::min(slow_, kSlowElsewhere);
    weight_ = invoke_ns < limit_ns_ ? weight_ - 1 : std::min(weight_ + slow, 10 * slow_);
    if (weight_ > 0) return;
    weight_ = 0;
    open_ = true;
  }

  /// A run here took so long. `preemptions` says how often the thread has lost the
  /// processor so far; it is asked after slow runs only.
  void RecordHere(int64_t invoke_ns, int64_t (*preemptions)() = Preemptions) {
    if (invoke_ns < limit_ns_) {
      if (weight_ > 0) --weight_;
      return;
    }
    const int64_t before = preemptions_;
    preemptions_ = preemptions();
    weight_ += before != preemptions_ ? std::max(slow_ / 4, 1) : slow_;
    if (2 * weight_ <= 5 * slow_) return;
    open_ = false;
    weight_ = 10 * slow_;
  }

 private:
  static constexpr int kSlowElsewhere = 9;

  int64_t limit_ns_ = 0;
  /// How many quick runs make up for a slow one.
  int slow_ = 0;
  /// At the last slow run here.
  int64_t preemptions_ = 0;
  /// How many quick runs are still to come to make up for slow ones.
  int weight_ = 0;
  bool open_ = false;
};

}  // namespace onlite
