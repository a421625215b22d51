#include "runtimes/tflite/error_log.h"

#include <cstdio>
#include <new>
#include <utility>

namespace onlite::tflite {
namespace {

constexpr size_t kMaxLine = 1024;
constexpr size_t kMaxText = 4096;

}  // namespace

void ErrorLog::Report(void* log, const char* format, va_list arguments) {
  char line[kMaxLine];
  if (std::vsnprintf(line, sizeof(line), format, arguments) < 0) return;
  static_cast<ErrorLog*>(log)->Add(line);
}

// Called from C: nothing may be thrown. Without memory the words are lost.
void ErrorLog::Add(const char* line) noexcept try {
  const std::lock_guard lock(mutex_);
  if (text_.size() >= kMaxText) return;
  if (!text_.empty() && text_.back() != '\n') text_ += '\n';
  text_ += line;
} catch (const std::bad_alloc&) {
}

std::string ErrorLog::Take() {
  const std::lock_guard lock(mutex_);
  std::string text = std::exchange(text_, {});
  while (!text.empty() && text.back() == '\n') text.pop_back();
  return text;
}

}  // namespace onlite::tflite
