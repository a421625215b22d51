#pragma once

#include <cstdio>
#include <filesystem>
#include <memory>
#include <string>

namespace onlite {

inline std::filesystem::path FromUtf8(const std::string& path) {
  return {std::u8string(path.begin(), path.end())};
}

using File = std::shared_ptr<std::FILE>;

/// Null, and the reason in errno, if it cannot be opened. `path` is UTF-8.
inline File OpenForReading(const std::string& path) {
#ifdef _WIN32
  std::FILE* const file = _wfopen(FromUtf8(path).c_str(), L"rb");
#else
  std::FILE* const file = std::fopen(path.c_str(), "rbe");
#endif
  if (file == nullptr) return nullptr;
  return {file, [](std::FILE* opened) { static_cast<void>(std::fclose(opened)); }};
}

}  // namespace onlite
