#include "runtimes/dynamic_library.h"

#include "runtimes/library_file.h"

#ifdef _WIN32
#include <windows.h>

#include "runtimes/windows_path.h"
#else
#include <dlfcn.h>
#endif

namespace onlite {
namespace {

#ifdef _WIN32
constexpr const char* kSeparators = "/\\:";
#else
constexpr const char* kSeparators = "/";
#endif

}  // namespace

Status DynamicLibrary::Open(const std::string& path, std::unique_ptr<DynamicLibrary>* library) {
  // A bare name is looked for where the system keeps libraries, and not in the working directory.
  const bool is_name = path.find_first_of(kSeparators) == std::string::npos;
  if (!is_name) ONLITE_RETURN_IF_ERROR(CheckLibraryFile(path));
  return OpenChecked(path, is_name, library);
}

#ifdef _WIN32

Status DynamicLibrary::OpenChecked(const std::string& path, bool is_name,
                                   std::unique_ptr<DynamicLibrary>* library) {
  // The altered search path finds the library's own dependencies beside it.
  HMODULE handle =
      LoadLibraryExW(WidePath(path).c_str(), nullptr,
                     is_name ? LOAD_LIBRARY_SEARCH_DEFAULT_DIRS : LOAD_WITH_ALTERED_SEARCH_PATH);
  if (handle == nullptr) {
    return {ErrorCode::kRuntimeNotFound, "cannot load " + path,
            "LoadLibrary failed with error " + std::to_string(GetLastError())};
  }
  library->reset(new DynamicLibrary(handle, path));
  return Status::Ok();
}

void* DynamicLibrary::Symbol(const char* name) const {
  return reinterpret_cast<void*>(GetProcAddress(static_cast<HMODULE>(handle_), name));
}

#else

Status DynamicLibrary::OpenChecked(const std::string& path, bool /*is_name*/,
                                   std::unique_ptr<DynamicLibrary>* library) {
  void* handle = dlopen(path.c_str(), RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) {
    const char* error = dlerror();
    return {ErrorCode::kRuntimeNotFound, "cannot load " + path, error != nullptr ? error : ""};
  }
  library->reset(new DynamicLibrary(handle, path));
  return Status::Ok();
}

void* DynamicLibrary::Symbol(const char* name) const { return dlsym(handle_, name); }

#endif

}  // namespace onlite
