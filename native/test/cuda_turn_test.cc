// Who may use CUDA beside whom. Needs no CUDA.
#include "runtimes/cuda_turn.h"

#include <gtest/gtest.h>

#include <atomic>
#include <thread>
#include <vector>

namespace onlite {
namespace {

using Kind = CudaTurn::Kind;

TEST(CudaTurnTest, IsHadBesideOthersAndByThoseThatDoNotUseCuda) {
  const CudaTurn mine(Kind::kBesideOthers);
  std::thread([] { const CudaTurn other(Kind::kBesideOthers); }).join();
  std::thread([] { const CudaTurn other(Kind::kNone); }).join();
}

TEST(CudaTurnTest, NobodyHasOneBesideWhoIsAlone) {
  std::atomic<int> beside{0};
  std::atomic<int> alone{0};
  std::atomic<int> wrong{0};
  std::vector<std::thread> threads;
  threads.reserve(8);
  for (int index = 0; index < 8; ++index) {
    threads.emplace_back([&, index] {
      for (int round = 0; round < 2000; ++round) {
        const bool is_alone = (index + round) % 5 == 0;
        const CudaTurn turn(is_alone ? Kind::kAlone : Kind::kBesideOthers);
        std::atomic<int>& own = is_alone ? alone : beside;
        const int had = own++;
        if (is_alone && (had > 0 || beside > 0)) ++wrong;
        if (!is_alone && alone > 0) ++wrong;
        --own;
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(wrong, 0);
}

/// Those beside each other, of whom there is always one, must not keep it waiting for ever.
TEST(CudaTurnTest, WhoWantsToBeAloneIsNotPassedBy) {
  std::atomic<bool> done{false};
  std::vector<std::thread> threads;
  threads.reserve(4);
  for (int index = 0; index < 4; ++index) {
    threads.emplace_back([&] {
      while (!done) {
        const CudaTurn turn(Kind::kBesideOthers);
        std::this_thread::yield();
      }
    });
  }
  for (int round = 0; round < 100; ++round) const CudaTurn turn(Kind::kAlone);
  done = true;
  for (std::thread& thread : threads) thread.join();
}

}  // namespace
}  // namespace onlite
