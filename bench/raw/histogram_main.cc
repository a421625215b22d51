#include <atomic>
#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>
#include <thread>
#include <vector>

#include "core/histogram.h"
#include "measure.h"

/// What a latency histogram costs, without Node:
///
///   raw_histogram record THREADS spread|same MILLISECONDS
///   raw_histogram snapshot MILLISECONDS
///   raw_histogram interval MILLISECONDS
///
/// `record`: THREADS threads record at once into one histogram, `spread` values of a
/// latency's distribution or all the `same`, the worst case for two threads. One line of
/// JSON: {"count", "p50", …}, nanoseconds of a call, and for `record` "lost", which is 0.
namespace onlite::bench {
namespace {

constexpr size_t kValues = 1 << 14;
constexpr int kRounds = 16;  // of all values between two looks at the clock

std::vector<uint64_t> Values(bool spread, unsigned seed) {
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> latency(std::log(50'000.0), 0.5);
  std::vector<uint64_t> values(kValues, 50'000);
  if (spread) {
    for (uint64_t& value : values) value = static_cast<uint64_t>(latency(random));
  }
  return values;
}

/// Means of `calls` calls in a row until the time is over.
template <typename Call>
std::vector<double> Measure(int64_t nanoseconds, double calls, const Call& call) {
  std::vector<double> samples;
  const int64_t end = NowNs() + nanoseconds;
  for (int64_t start = NowNs(); start < end;) {
    call();
    const int64_t now = NowNs();
    samples.push_back(static_cast<double>(now - start) / calls);
    start = now;
  }
  return samples;
}

int MeasureRecord(unsigned threads, bool spread, int64_t nanoseconds) {
  Histogram histogram;
  std::vector<std::vector<double>> samples(threads);
  std::atomic<unsigned> ready{0};
  std::vector<std::thread> running;
  for (unsigned index = 0; index < threads; ++index) {
    running.emplace_back([&, index] {
      const std::vector<uint64_t> values = Values(spread, index + 1);
      ++ready;
      while (ready < threads) std::this_thread::yield();
      samples[index] = Measure(nanoseconds, double{kRounds} * kValues, [&] {
        for (int round = 0; round < kRounds; ++round) {
          for (const uint64_t value : values) histogram.Record(value);
        }
      });
    });
  }
  for (std::thread& thread : running) thread.join();
  std::vector<double> all;
  for (const auto& own : samples) all.insert(all.end(), own.begin(), own.end());
  const uint64_t recorded = all.size() * kRounds * kValues;
  std::printf("{%s,\"lost\":%lld}\n", Summary(all).c_str(),
              static_cast<long long>(recorded - histogram.Snapshot().count()));
  return 0;
}

int MeasureReading(bool interval, int64_t nanoseconds) {
  Histogram histogram;
  for (const uint64_t value : Values(true, 1)) histogram.Record(value);
  uint64_t used = 0;
  const std::vector<double> samples = Measure(nanoseconds, 1, [&] {
    if (interval) histogram.Record(50'000);
    const HistogramSnapshot snapshot = interval ? histogram.TakeInterval() : histogram.Snapshot();
    used += snapshot.Percentile(99) + static_cast<uint64_t>(snapshot.stddev());
  });
  std::printf("{%s,\"used\":%s}\n", Summary(samples).c_str(), used > 0 ? "true" : "false");
  return 0;
}

int Main(const std::vector<std::string>& words) {
  const auto number = [&](size_t index) { return std::strtoll(words[index].c_str(), nullptr, 10); };
  if (words.size() == 4 && words[0] == "record") {
    return MeasureRecord(static_cast<unsigned>(number(1)), words[2] == "spread",
                         number(3) * 1'000'000);
  }
  if (words.size() == 2) return MeasureReading(words[0] == "interval", number(1) * 1'000'000);
  std::fputs("usage: raw_histogram record THREADS spread|same MS | snapshot MS | interval MS\n",
             stderr);
  return 2;
}

}  // namespace
}  // namespace onlite::bench

int main(int argc, char** argv) {
  return onlite::bench::Main(std::vector<std::string>(argv + 1, argv + argc));
}
