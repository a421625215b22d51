#include "measure.h"

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cmath>
#include <cstdio>
#include <numeric>
#include <thread>

namespace onlite::bench {

int64_t NowNs() {
  return std::chrono::duration_cast<std::chrono::nanoseconds>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::string Summary(std::vector<double> samples) {
  if (samples.empty()) return "\"count\":0";
  std::sort(samples.begin(), samples.end());
  const auto percentile = [&](double percent) {
    const double rank = std::ceil(percent / 100 * static_cast<double>(samples.size()));
    return samples[static_cast<size_t>(std::max(rank, 1.0)) - 1];
  };
  const double mean =
      std::accumulate(samples.begin(), samples.end(), 0.0) / static_cast<double>(samples.size());
  char text[320];
  (void)std::snprintf(text, sizeof(text),
                      "\"count\":%zu,\"mean\":%.1f,\"min\":%.1f,\"p50\":%.1f,\"p90\":%.1f,"
                      "\"p99\":%.1f,\"max\":%.1f",
                      samples.size(), mean, samples.front(), percentile(50), percentile(90),
                      percentile(99), samples.back());
  return text;
}

std::vector<double> MeasureLatency(Runner* runner, int64_t nanoseconds, int64_t batch) {
  std::vector<double> samples;
  const int64_t end = NowNs() + nanoseconds;
  int64_t before = NowNs();
  do {
    for (int64_t index = 0; index < batch; ++index) runner->Run();
    const int64_t after = NowNs();
    samples.push_back(static_cast<double>(after - before) / static_cast<double>(batch));
    before = after;
  } while (before < end);
  return samples;
}

Throughput MeasureThroughput(const std::vector<Runner*>& runners, int64_t nanoseconds) {
  std::atomic<int64_t> runs{0};
  std::atomic<bool> stop{false};
  const int64_t start = NowNs();
  {
    std::vector<std::jthread> threads;
    threads.reserve(runners.size());
    for (Runner* runner : runners) {
      threads.emplace_back([&runs, &stop, runner] {
        int64_t own = 0;
        while (!stop.load(std::memory_order_relaxed)) {
          runner->Run();
          ++own;
        }
        runs += own;
      });
    }
    std::this_thread::sleep_for(std::chrono::nanoseconds(nanoseconds));
    stop = true;
  }
  return {runs, static_cast<double>(NowNs() - start) / 1e9};
}

}  // namespace onlite::bench
