// Damaged models, each tried in a child process, so that a crash is seen and
// can be told from the next. POSIX only.
#ifndef _WIN32

#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <random>

#include "runtimes/tflite/model/flatbuffer.h"
#include "runtimes/tflite/model/schema.h"
#include "runtimes/tflite/model/verifier.h"
#include "tflite_support.h"

namespace onlite::testing {
namespace {

namespace schema = tflite::schema;

/// Variants of each model; more with ONLITE_TEST_FUZZ_VARIANTS.
int Variants() {
  const char* value = std::getenv("ONLITE_TEST_FUZZ_VARIANTS");
  return value != nullptr ? static_cast<int>(std::strtol(value, nullptr, 10)) : 300;
}

constexpr unsigned kSecondsEach = 30;

/// What a child was doing last, in memory that outlives it.
struct Progress {
  volatile int variant;
  volatile int running;  // 0: creating, 1: running
  volatile int created;
  volatile int ran;
};

/// Byte offsets that are structure rather than weights: damage in weights only
/// changes results.
std::vector<size_t> StructuralOffsets(const Bytes& model) {
  std::vector<bool> weights(model.size());
  tflite::FlatBuffer file(model);
  const auto buffers = file.Root(schema::kModelIdentifier).Tables(schema::Model::kBuffers);
  for (size_t index = 0; index < buffers.size(); ++index) {
    const auto data = buffers[index].Vector<uint8_t>(schema::Buffer::kData);
    if (data.size() <= 64) continue;
    const auto begin = static_cast<size_t>(data.data() - file.data());
    std::fill_n(weights.begin() + static_cast<ptrdiff_t>(begin), data.size(), true);
  }
  std::vector<size_t> offsets;
  for (size_t offset = 0; offset < model.size(); ++offset) {
    if (!weights[offset]) offsets.push_back(offset);
  }
  return offsets;
}

Bytes Damage(const Bytes& model, const std::vector<size_t>& offsets, int variant) {
  std::mt19937 random(static_cast<uint32_t>(variant) * 7919U + 17U);
  Bytes damaged = model;
  const auto place = [&] { return offsets[random() % offsets.size()]; };
  switch (variant % 5) {
    case 0: damaged.resize(random() % model.size()); break;
    case 1: damaged[place()] ^= static_cast<uint8_t>(1U << (random() % 8)); break;
    case 2: damaged[place()] = static_cast<uint8_t>(random()); break;
    case 3: {
      constexpr uint32_t kWords[] = {0, 1, 2, 0xFFFFFFFF, 0x7FFFFFFF, 0x80000000, 64, 0xFFFF};
      const size_t offset = place() / 4 * 4;
      const uint32_t word = kWords[random() % std::size(kWords)];
      if (offset + 4 <= damaged.size()) std::memcpy(damaged.data() + offset, &word, 4);
      break;
    }
    default:
      for (int change = 0; change < 4; ++change) damaged[place()] = static_cast<uint8_t>(random());
      break;
  }
  return damaged;
}

void TryVariant(const Bytes& model, bool xnnpack, Progress* progress) {
  SessionOptions options;
  options.intra_op_threads = 1;
  options.providers = {{xnnpack ? "xnnpack" : "cpu", {}}, {"cpu", {}}};
  std::unique_ptr<Session> session;
  progress->running = 0;
  if (!TfLiteRuntime().CreateSession(SourceOf(model), options, &session).ok()) return;
  progress->created = progress->created + 1;
  progress->running = 1;
  const SignatureInfo& signature = session->info().signatures[0];
  std::vector<Feed> feeds;
  for (const ValueInfo& input : signature.inputs) {
    // A batch of one, and 80 ms of sound for the model that takes any length.
    Dims dims = input.dims;
    for (size_t index = 0; index < dims.size(); ++index) {
      if (dims[index] < 0) dims[index] = index == 0 ? 1 : 1280;
    }
    if (TensorBytes(input.type, dims).value_or(0) > (size_t{1} << 28)) return;
    feeds.emplace_back(input.type, dims);
    Fill(&feeds.back(), 1);
  }
  RunResult result;
  if (session->Run(RequestFor(signature, feeds), &result).ok()) progress->ran = progress->ran + 1;
}

class TfLiteFuzzTest : public TfLiteTest {};

TEST_F(TfLiteFuzzTest, DamagedModelsGiveErrorsNotCrashes) {
  auto* progress = static_cast<Progress*>(
      mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0));
  ASSERT_NE(progress, MAP_FAILED);
  const int variants = Variants();
  int crashes_while_running = 0;
  for (const auto& path : TfLiteModels()) {
    const Bytes model = ReadFile(path);
    const std::vector<size_t> offsets = StructuralOffsets(model);
    *progress = {};
    int next = 0;
    while (next < variants) {
      const pid_t child = fork();
      ASSERT_GE(child, 0);
      if (child == 0) {
        for (int variant = next; variant < variants; ++variant) {
          progress->variant = variant;
          alarm(kSecondsEach);
          TryVariant(Damage(model, offsets, variant), variant % 2 == 0, progress);
        }
        _exit(0);
      }
      int status = 0;
      ASSERT_EQ(waitpid(child, &status, 0), child);
      if (WIFEXITED(status) && WEXITSTATUS(status) == 0) break;
      const int signal = WIFSIGNALED(status) ? WTERMSIG(status) : -WEXITSTATUS(status);
      std::printf("  %s variant %d: signal %d while %s\n", path.c_str(), progress->variant, signal,
                  progress->running != 0 ? "running" : "creating");
      if (signal == SIGALRM) {
        // A model may be as slow as it likes; the runtime still stood.
      } else if (progress->running != 0) {
        ++crashes_while_running;
      } else {
        ADD_FAILURE() << path << " variant " << progress->variant << " died while it was created";
      }
      next = progress->variant + 1;
    }
    std::printf("  %s: %d of %d damaged models were accepted, %d ran\n", path.filename().c_str(),
                progress->created, variants, progress->ran);
  }
  munmap(progress, sizeof(Progress));
  // XNNPACK of 2.9 trusts declared shapes where later versions infer them, and
  // writes past its buffers: its crashes are printed, not counted.
  if (TfLiteRuntime().Describe().version.starts_with("2.9")) return;
  EXPECT_EQ(crashes_while_running, 0);
}

TEST_F(TfLiteFuzzTest, EveryTruncationIsRefused) {
  for (const auto& path : TfLiteModels()) {
    const Bytes model = ReadFile(path);
    // The end of a model is padding at most; everything else is needed.
    const size_t step = std::max<size_t>(model.size() / 997, 1);
    for (size_t size = 0; size + 64 < model.size(); size += step) {
      const Status status = tflite::VerifyModel({model.data(), size});
      EXPECT_EQ(status.code(), ErrorCode::kModelInvalid) << path << " cut to " << size;
    }
    EXPECT_TRUE(tflite::VerifyModel(model).ok()) << tflite::VerifyModel(model).message();
  }
}

}  // namespace
}  // namespace onlite::testing

#endif
