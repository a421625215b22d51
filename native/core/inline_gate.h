#pragma once

#include <algorithm>
#include <cstdint>

#include "core/preemptions.h"

namespace onlite {

/// Whether a session's runs are so quick that the thread that asks for one had better
/// make it itself than hand it to another: 99 of 100 take less than `limit_ns` there.
///
/// Runs on other threads, whose caches are cold and which a busy system makes wait, only
/// tell whether to try: it opens when about 90 of 100 of them were quick, and not
/// before a hundred were, since the first runs are slow. What runs take that are made
/// here decides whether it stays open. A slow run during which the system gave the
/// processor to others says little, and one slow run alone does not close it. For one thread.
class InlineGate {
 public:
  /// 0 never opens.
  void SetLimit(int64_t limit_ns) { limit_ns_ = limit_ns; }
  /// Whether anybody need measure runs.
  bool is_enabled() const { return limit_ns_ > 0; }
  bool is_open() const { return open_; }

  /// A run on another thread took so long.
  void RecordElsewhere(int64_t invoke_ns) {
    if (open_) return;
    weight_ = invoke_ns < limit_ns_ ? weight_ - 1 : std::min(weight_ + kSlowElsewhere, kMost);
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
    weight_ += before != preemptions_ ? kPreempted : kSlowHere;
    if (weight_ <= kTolerated) return;
    open_ = false;
    weight_ = kMost;
  }

 private:
  static constexpr int kSlowElsewhere = 9;
  static constexpr int kSlowHere = 100;
  static constexpr int kPreempted = 25;
  static constexpr int kTolerated = 250;
  static constexpr int kMost = 1000;

  int64_t limit_ns_ = 0;
  /// At the last slow run here.
  int64_t preemptions_ = 0;
  /// How many quick runs are still to come to make up for slow ones.
  int weight_ = 100;
  bool open_ = false;
};

}  // namespace onlite
