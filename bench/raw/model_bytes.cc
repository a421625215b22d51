#include "model_bytes.h"

#include <cstdio>
#include <memory>

#include "backend.h"

namespace onlite::bench {
namespace {

/// Numerical Recipes' linear congruential generator, high bits.
class Sequence {
 public:
  uint32_t Next() {
    state_ = state_ * 1664525U + 1013904223U;
    return state_ >> 8U;
  }

 private:
  uint32_t state_ = 1;
};

struct FileClose {
  void operator()(std::FILE* file) const { (void)std::fclose(file); }
};

}  // namespace

std::vector<uint8_t> ReadModel(const std::string& path) {
  const std::unique_ptr<std::FILE, FileClose> file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr || std::fseek(file.get(), 0, SEEK_END) != 0) Fail("cannot open " + path);
  const int64_t size = std::ftell(file.get());
  if (size < 0 || std::fseek(file.get(), 0, SEEK_SET) != 0) Fail("cannot read " + path);
  std::vector<uint8_t> bytes(static_cast<size_t>(size));
  if (std::fread(bytes.data(), 1, bytes.size(), file.get()) != bytes.size()) {
    Fail("cannot read " + path);
  }
  return bytes;
}

void FillFloats(float* data, size_t count) {
  Sequence sequence;
  for (size_t index = 0; index < count; ++index) {
    data[index] = static_cast<float>(sequence.Next()) / static_cast<float>(1U << 23U) - 1.0F;
  }
}

void FillBytes(void* data, size_t bytes) {
  Sequence sequence;
  auto* target = static_cast<uint8_t*>(data);
  for (size_t index = 0; index < bytes; ++index) {
    target[index] = static_cast<uint8_t>(sequence.Next());
  }
}

}  // namespace onlite::bench
