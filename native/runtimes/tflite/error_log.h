#pragma once

#include <cstdarg>
#include <mutex>
#include <string>

namespace onlite::tflite {

/// Collects what a model or an interpreter has to say, to become an error's
/// cause instead of text on stderr. Thread-safe; bounded.
class ErrorLog {
 public:
  /// The vendor's error reporter; `log` is the ErrorLog.
  static void Report(void* log, const char* format, va_list arguments);

  /// The lines since the last call.
  std::string Take();

 private:
  void Add(const char* line) noexcept;

  std::mutex mutex_;
  std::string text_;
};

}  // namespace onlite::tflite
