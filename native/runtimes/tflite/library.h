#pragma once

#include <memory>
#include <string>
#include <vector>

#include "core/status.h"
#include "runtimes/dynamic_library.h"
#include "runtimes/tflite/api.h"

namespace onlite::tflite {

/// A TensorFlow Lite C library whose functions were found. Never unloaded.
/// Immutable, so any thread may use it.
class Library {
 public:
  /// kRuntimeNotFound if it cannot be opened or lacks a function that onlite
  /// cannot do without.
  static Status Open(const std::string& path, std::unique_ptr<Library>* library);

  const Api& api() const { return api_; }
  const std::string& path() const { return library_->path(); }
  const std::string& version() const { return version_; }
  /// Public names of the providers this library has.
  std::vector<std::string> providers() const;

 private:
  Library() = default;
  /// The name of the first mandatory function that is missing, or empty.
  std::string Resolve();

  std::unique_ptr<DynamicLibrary> library_;
  Api api_{};
  std::string version_;
};

}  // namespace onlite::tflite
