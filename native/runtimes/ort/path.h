#pragma once

#include <filesystem>
#include <string>

#include "runtimes/ort/api_types.h"
#ifdef _WIN32
#include "runtimes/windows_path.h"
#endif

namespace onlite::ort {

/// UTF-8 to the characters of the platform's paths.
inline std::basic_string<PathChar> NativePath(const std::string& utf8) {
#ifdef _WIN32
  return WidePath(utf8);
#else
  return utf8;
#endif
}

inline std::filesystem::path FilesystemPath(const std::string& utf8) {
  return std::filesystem::path(NativePath(utf8));
}

}  // namespace onlite::ort
