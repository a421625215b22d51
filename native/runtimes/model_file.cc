#include "runtimes/model_file.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <memory>
#include <string_view>
#include <system_error>

#include "core/aligned_buffer.h"
#include "runtimes/foreign_file.h"
#include "runtimes/open_file.h"

#ifndef _WIN32
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#endif

namespace onlite {
namespace {

/// `number` is the system's, of a call on a file that may be there.
Status CannotRead(const std::string& what, int number) {
  ErrorCode code = ErrorCode::kModelUnreadable;
  if (number == ENOENT || number == ENOTDIR) code = ErrorCode::kModelNotFound;
  if (number == ENOMEM) code = ErrorCode::kOutOfMemory;
  return {code, "model: cannot " + what, std::strerror(number)};
}

/// The size of a regular file, or why it is not one.
Status RegularFileSize(const std::string& path, size_t* size) {
  std::error_code error;
  const auto status = std::filesystem::status(FromUtf8(path), error);
  if (status.type() == std::filesystem::file_type::not_found) {
    return {ErrorCode::kModelNotFound, "model: there is no file " + path, error.message()};
  }
  if (!std::filesystem::status_known(status)) {
    return {ErrorCode::kModelUnreadable, "model: cannot read " + path, error.message()};
  }
  if (!std::filesystem::is_regular_file(status)) {
    return {ErrorCode::kModelNotFound, "model: " + path + " is not a regular file"};
  }
  const auto bytes = std::filesystem::file_size(FromUtf8(path), error);
  if (error) {
    return {ErrorCode::kModelUnreadable, "model: cannot read " + path, error.message()};
  }
  *size = static_cast<size_t>(bytes);
  return Status::Ok();
}

#ifdef __linux__
/// From here on a runtime that reads the file itself saves more than a second reading costs.
constexpr size_t kLargeFile = size_t{64} << 20;
#endif

#ifdef __linux__

class LinuxFile final : public OpenFile {
 public:
  explicit LinuxFile(File file) : file_(std::move(file)), opened_(State()) {}

  std::string path() const override {
    return "/proc/self/fd/" + std::to_string(fileno(file_.get()));
  }

  bool IsUnchanged() const override {
    const struct stat now = State();
    return now.st_size == opened_.st_size && now.st_mtim.tv_sec == opened_.st_mtim.tv_sec &&
           now.st_mtim.tv_nsec == opened_.st_mtim.tv_nsec;
  }

 private:
  struct stat State() const {
    struct stat state = {};
    static_cast<void>(fstat(fileno(file_.get()), &state));
    return state;
  }

  const File file_;
  const struct stat opened_;
};

#endif

Status ReadIntoMemory(ModelSource* source) {
  const std::string& path = source->path;
  size_t size = 0;
  ONLITE_RETURN_IF_ERROR(RegularFileSize(path, &size));
  const File file = OpenForReading(path);
  if (!file) return CannotRead("open " + path, errno);
#ifdef __linux__
  if (size >= kLargeFile) {
    auto large = std::make_shared<LinuxFile>(file);
    // Not everywhere is /proc mounted.
    if (access(large->path().c_str(), R_OK) == 0) source->file = std::move(large);
  }
#endif
  std::shared_ptr<uint8_t[]> data(AllocateAligned(size));
  if (!data) {
    return {ErrorCode::kOutOfMemory,
            "model: out of memory for the " + std::to_string(size) + " bytes of " + path};
  }
  // A file that shrinks meanwhile gives fewer bytes; the format check decides then.
  const size_t got = std::fread(data.get(), 1, size, file.get());
  if (std::ferror(file.get()) != 0) return CannotRead("read " + path, errno);
  source->bytes.data = data.get();
  source->bytes.size = got;
  source->bytes.owner = std::move(data);
  return Status::Ok();
}

#ifndef _WIN32

Status MapIntoMemory(ModelSource* source) {
  const std::string& path = source->path;
  size_t size = 0;
  ONLITE_RETURN_IF_ERROR(RegularFileSize(path, &size));
  if (size == 0) return ReadIntoMemory(source);
  const int descriptor = open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (descriptor < 0) return CannotRead("open " + path, errno);
  void* mapped = mmap(nullptr, size, PROT_READ, MAP_PRIVATE, descriptor, 0);
  const int mapping_error = errno;
  close(descriptor);
  if (mapped == MAP_FAILED) return CannotRead("map " + path, mapping_error);
  source->bytes.data = static_cast<const uint8_t*>(mapped);
  source->bytes.size = size;
  source->bytes.owner = std::shared_ptr<const void>(
      mapped, [size](const void* address) { munmap(const_cast<void*>(address), size); });
  return Status::Ok();
}

#endif

}  // namespace

Status ReadModelFile(ModelSource* source) {
#ifndef _WIN32
  if (source->map_files) return MapIntoMemory(source);
#endif
  return ReadIntoMemory(source);
}

Status DetectEngine(const SharedBytes& bytes, Engine* engine) {
  const std::string_view text(reinterpret_cast<const char*>(bytes.data), bytes.size);
  if (text.size() >= 8 && text.substr(4, 4) == "TFL3") {
    *engine = Engine::kTfLite;
    return Status::Ok();
  }
  if (text.size() >= 8 && text.substr(4, 4) == "ORTM") {
    *engine = Engine::kOnnxRuntime;
    return Status::Ok();
  }
  if (text.empty()) return {ErrorCode::kModelInvalid, "model: expected a model, got 0 bytes"};
  const std::string foreign = DescribeForeignFile({bytes.data, bytes.size});
  if (!foreign.empty()) return {ErrorCode::kModelInvalid, "model: this is " + foreign};
  // A ModelProto is a sequence of protobuf fields 1 to 26: its first byte is a
  // tag of a varint (wire type 0) or length-delimited (2) field.
  const auto tag = static_cast<uint8_t>(text.front());
  const unsigned wire_type = tag & 7U;
  const unsigned field = (tag & 0x7fU) >> 3U;
  if (field >= 1 && (wire_type == 0 || wire_type == 2)) {
    *engine = Engine::kOnnxRuntime;
    return Status::Ok();
  }
  return {ErrorCode::kModelInvalid,
          "model: neither a TensorFlow Lite model (\"TFL3\" at offset 4) nor an ONNX one"};
}

}  // namespace onlite
