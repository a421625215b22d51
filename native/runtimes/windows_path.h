#pragma once

#ifdef _WIN32
#include <windows.h>

#include <string>

namespace onlite {

/// UTF-8 to the UTF-16 that Windows' file functions (and ORTCHAR_T) take.
inline std::wstring WidePath(const std::string& utf8) {
  const int length = static_cast<int>(utf8.size());
  const int wide = MultiByteToWideChar(CP_UTF8, 0, utf8.data(), length, nullptr, 0);
  std::wstring path(static_cast<size_t>(wide), L'\0');
  MultiByteToWideChar(CP_UTF8, 0, utf8.data(), length, path.data(), wide);
  return path;
}

}  // namespace onlite
#endif
