#pragma once

#include <memory>
#include <string>

#include "core/status.h"

namespace onlite {

/// A shared library opened at run time. It is never closed: a runtime's threads
/// and static destructors outlive any owner we could give it (docs/architecture.md, Threads and
/// exit).
class DynamicLibrary {
 public:
  /// `path` is UTF-8. The error's cause is the loader's own message, or CheckLibraryFile's.
  static Status Open(const std::string& path, std::unique_ptr<DynamicLibrary>* library);

  /// Null if the library does not export `name`.
  void* Symbol(const char* name) const;

  /// Sets `*function` to the symbol; false if it is missing (then null).
  template <typename Function>
  bool Resolve(const char* name, Function** function) const {
    *function = reinterpret_cast<Function*>(Symbol(name));
    return *function != nullptr;
  }

  const std::string& path() const { return path_; }

 private:
  static Status OpenChecked(const std::string& path, bool is_name,
                            std::unique_ptr<DynamicLibrary>* library);
  DynamicLibrary(void* handle, std::string path) : handle_(handle), path_(std::move(path)) {}

  void* handle_;
  std::string path_;
};

}  // namespace onlite
