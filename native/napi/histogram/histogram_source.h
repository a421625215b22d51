#pragma once

#include "core/histogram.h"

namespace onlite {

/// Whose samples a NativeHistogram shows.
class HistogramSource {
 public:
  HistogramSource() = default;
  HistogramSource(const HistogramSource&) = delete;
  HistogramSource& operator=(const HistogramSource&) = delete;
  virtual ~HistogramSource() = default;

  virtual HistogramSnapshot Snapshot() const = 0;
  virtual HistogramSnapshot TakeInterval() = 0;
  virtual void Reset() = 0;
  /// The histogram itself where JavaScript may record, else null.
  virtual Histogram* writable() { return nullptr; }
};

}  // namespace onlite
