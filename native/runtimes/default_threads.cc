#include "runtimes/default_threads.h"

#include <algorithm>
#include <atomic>
#include <thread>

namespace onlite {
namespace {

std::atomic<int> default_threads{0};

}  // namespace

void SetDefaultThreadCount(int threads) { default_threads.store(std::max(threads, 0)); }

int DefaultThreadCount() {
  const int threads = default_threads.load();
  if (threads > 0) return threads;
  return std::max(1, static_cast<int>(std::thread::hardware_concurrency()));
}

}  // namespace onlite
