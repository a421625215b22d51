#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "backend.h"

namespace onlite::bench {

int64_t NowNs();

/// `count` and percentiles of the samples as the members of a JSON object,
/// without braces. Nanoseconds.
std::string Summary(std::vector<double> samples);

/// Runs for about `nanoseconds`; a sample is the mean of `batch` runs in a row,
/// so that reading the clock does not show.
std::vector<double> MeasureLatency(Runner* runner, int64_t nanoseconds, int64_t batch);

struct Throughput {
  int64_t runs = 0;
  double seconds = 0;
};

/// Every runner on a thread of its own, without a pause, for about `nanoseconds`.
Throughput MeasureThroughput(const std::vector<Runner*>& runners, int64_t nanoseconds);

}  // namespace onlite::bench
