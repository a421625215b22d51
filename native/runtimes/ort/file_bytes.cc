#include "runtimes/ort/file_bytes.h"

#include <cstring>
#include <new>
#include <system_error>

#ifdef _WIN32
#include <fstream>
#else
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#endif

namespace onlite::ort {
namespace {

Status Refused(const std::string& what, const std::string& reason, std::string cause = {}) {
  return {ErrorCode::kModelInvalid, what + ": " + reason, std::move(cause)};
}

Status Allocate(const std::string& what, size_t size, std::shared_ptr<uint8_t[]>* memory) {
  memory->reset(new (std::nothrow) uint8_t[size > 0 ? size : 1]);
  if (*memory != nullptr) return Status::Ok();
  return Refused(what, "no memory for " + std::to_string(size) + " bytes");
}

}  // namespace

#ifdef _WIN32

// Reads always: a mapped file cannot be replaced on Windows while it is in use.
Status ReadPlainFile(const std::filesystem::path& path, const std::string& what, bool /*map*/,
                     SharedBytes* bytes) {
  std::error_code error;
  if (!std::filesystem::is_regular_file(path, error)) {
    return Refused(what, "not a regular file", error ? error.message() : "");
  }
  if (std::filesystem::hard_link_count(path, error) > 1 || error) {
    return Refused(what, "the file has several names (hard links)");
  }
  const auto size = static_cast<size_t>(std::filesystem::file_size(path, error));
  std::ifstream file(path, std::ios::binary);
  if (error || !file) return Refused(what, "cannot be opened", error.message());
  std::shared_ptr<uint8_t[]> memory;
  ONLITE_RETURN_IF_ERROR(Allocate(what, size, &memory));
  file.read(reinterpret_cast<char*>(memory.get()), static_cast<std::streamsize>(size));
  if (static_cast<size_t>(file.gcount()) != size) return Refused(what, "cannot be read");
  *bytes = {memory, memory.get(), size};
  return Status::Ok();
}

#else

namespace {

class FileDescriptor {
 public:
  explicit FileDescriptor(int descriptor) : descriptor_(descriptor) {}
  FileDescriptor(const FileDescriptor&) = delete;
  FileDescriptor& operator=(const FileDescriptor&) = delete;
  ~FileDescriptor() {
    if (descriptor_ >= 0) close(descriptor_);
  }
  int get() const { return descriptor_; }

 private:
  int descriptor_;
};

std::string LastError() { return std::generic_category().message(errno); }

Status Map(int descriptor, const std::string& what, size_t size, SharedBytes* bytes) {
  void* address = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  if (address == MAP_FAILED) return Refused(what, "cannot be mapped", LastError());
  const std::shared_ptr<const void> owner(address,
                                          [size](void* mapping) { munmap(mapping, size); });
  *bytes = {owner, static_cast<const uint8_t*>(address), size};
  return Status::Ok();
}

Status Read(int descriptor, const std::string& what, size_t size, SharedBytes* bytes) {
  std::shared_ptr<uint8_t[]> memory;
  ONLITE_RETURN_IF_ERROR(Allocate(what, size, &memory));
  for (size_t done = 0; done < size;) {
    const ssize_t count = read(descriptor, memory.get() + done, size - done);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) return Refused(what, "cannot be read", LastError());
    if (count == 0) return Refused(what, "the file became shorter while it was read");
    done += static_cast<size_t>(count);
  }
  *bytes = {memory, memory.get(), size};
  return Status::Ok();
}

}  // namespace

Status ReadPlainFile(const std::filesystem::path& path, const std::string& what, bool map,
                     SharedBytes* bytes) {
  // Non-blocking: opening a pipe must not wait for a writer.
  const FileDescriptor file(open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NONBLOCK));
  if (file.get() < 0) return Refused(what, "cannot be opened", LastError());
  struct stat info = {};
  if (fstat(file.get(), &info) != 0) return Refused(what, "cannot be examined", LastError());
  if (!S_ISREG(info.st_mode)) return Refused(what, "not a regular file");
  if (info.st_nlink > 1) return Refused(what, "the file has several names (hard links)");
  const auto size = static_cast<size_t>(info.st_size);
  return map && size > 0 ? Map(file.get(), what, size, bytes) : Read(file.get(), what, size, bytes);
}

#endif

}  // namespace onlite::ort
