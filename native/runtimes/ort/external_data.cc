#include "runtimes/ort/external_data.h"

#include <algorithm>
#include <cstring>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <system_error>
#include <utility>

#include "core/aligned_buffer.h"
#include "runtimes/ort/path.h"

namespace onlite::ort {
namespace {

namespace fs = std::filesystem;

std::string Named(const std::string& location) { return "external data '" + location + "'"; }

Status Invalid(const std::string& location, const std::string& reason, std::string cause = {}) {
  return {ErrorCode::kModelInvalid, Named(location) + ": " + reason, std::move(cause)};
}

std::string Utf8(const fs::path& path) {
  const std::u8string text = path.u8string();
  return {text.begin(), text.end()};
}

/// "./weights.bin", "weights.bin" and "a/..//weights.bin" name the same file.
fs::path Normal(const std::string& location) { return FilesystemPath(location).lexically_normal(); }

bool IsInside(const fs::path& file, const fs::path& folder) {
  const auto [end_of_folder, rest] =
      std::mismatch(folder.begin(), folder.end(), file.begin(), file.end());
  return end_of_folder == folder.end() && rest != file.end();
}

/// A location that names something below the model's folder, by its words alone.
Status CheckLocation(const std::string& location) {
  if (location.empty()) return Invalid(location, "the location is empty");
  if (location.find('\0') != std::string::npos) return Invalid(location, "NUL in the location");
  // ONNX Runtime's own marker for "the offset is an address in this process".
  if (location.starts_with("*/") || Normal(location).generic_string().starts_with("*/")) {
    return Invalid(location, "a location cannot begin with '*/'");
  }
  const fs::path path = FilesystemPath(location);
  if (path.is_absolute() || path.has_root_path()) {
    return Invalid(location, "an absolute path; only files in the model's folder are read");
  }
  if (std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; })) {
    return Invalid(location, "the path has a '..' part; only files in the model's folder are read");
  }
  return Status::Ok();
}

Status CheckRange(const ExternalTensor& tensor, uint64_t file_size) {
  const uint64_t length = std::max(tensor.needed, tensor.length.value_or(0));
  if (tensor.offset <= file_size && length <= file_size - tensor.offset) return Status::Ok();
  return Invalid(tensor.location, "tensor '" + tensor.name + "' needs " + std::to_string(length) +
                                      " bytes at offset " + std::to_string(tensor.offset) +
                                      ", the file has " + std::to_string(file_size));
}

/// The tensor's part of the bytes of its whole file; a copy where it is not aligned.
Status Slice(const ExternalTensor& tensor, const SharedBytes& file, SharedBytes* slice) {
  constexpr uintptr_t kAlignment = 16;  // the widest element's, complex128
  const uint8_t* data = file.data + tensor.offset;
  const auto size = static_cast<size_t>(tensor.needed);
  if (reinterpret_cast<uintptr_t>(data) % kAlignment == 0) {
    *slice = {file.owner, data, size};
    return Status::Ok();
  }
  std::shared_ptr<uint8_t[]> copy(AllocateAligned(size));
  if (copy == nullptr) {
    return {ErrorCode::kOutOfMemory,
            Named(tensor.location) + ": out of memory for " + std::to_string(size) + " bytes"};
  }
  if (size > 0) std::memcpy(copy.get(), data, size);
  *slice = {copy, copy.get(), size};
  return Status::Ok();
}

/// The folder that the user has set for external data; null if none was.
const std::string* UsersFolder(const SessionOptions& options) {
  const auto entry =
      std::find_if(options.config_entries.begin(), options.config_entries.end(),
                   [](const auto& config) { return config.first == kExternalDataFolderEntry; });
  return entry != options.config_entries.end() ? &entry->second : nullptr;
}

/// The folder that locations are looked up in: the model's, or the user's.
class Folder {
 public:
  static Status Open(const ModelSource& source, const SessionOptions& options, Folder* folder) {
    folder->links_ = source.external_data_links;
    std::error_code error;
    if (const std::string* const users = UsersFolder(options)) {
      folder->path_ = fs::canonical(FilesystemPath(*users), error);
      if (!error) return Status::Ok();
      return {ErrorCode::kInvalidArgument,
              std::string("extra.") + kExternalDataFolderEntry + ": there is no such folder",
              error.message()};
    }
    const fs::path model = fs::absolute(FilesystemPath(source.path), error);
    if (!error) folder->path_ = fs::canonical(model.parent_path(), error);
    if (error) {
      return {ErrorCode::kModelInvalid, "external data: the model's folder cannot be found",
              error.message()};
    }
    if (folder->links_) {
      const fs::path real = fs::canonical(model, error);
      // A model that is no longer there has no other folder.
      if (!error) folder->real_path_ = real.parent_path();
    }
    return Status::Ok();
  }

  const fs::path& path() const { return path_; }

  /// The size of the regular file a location names; whether it is only in the
  /// folder of the model's real path.
  Status Find(const std::string& location, uint64_t* size, bool* only_real) const {
    std::error_code error;
    const fs::path named = (path_ / FilesystemPath(location)).lexically_normal();
    fs::path file = fs::canonical(named, error);
    if (error) return Invalid(location, "no such file in the model's folder", error.message());
    *only_real = !IsInside(file, path_);
    if (!links_) {
      if (file != named) return Invalid(location, "a symbolic link (externalDataLinks: false)");
    } else if (*only_real && (real_path_.empty() || !IsInside(file, real_path_))) {
      return Invalid(location, "a symbolic link that leads out of the model's folder");
    }
    if (!fs::is_regular_file(file, error)) {
      return Invalid(location, "not a regular file", error ? error.message() : "");
    }
    if (!links_ && (fs::hard_link_count(file, error) > 1 || error)) {
      return Invalid(location, "the file has several names, hard links (externalDataLinks: false)");
    }
    *size = fs::file_size(file, error);
    if (error) return Invalid(location, "cannot be examined", error.message());
    return Status::Ok();
  }

 private:
  bool links_ = true;
  fs::path path_;
  /// The folder of the model's real path.
  fs::path real_path_;
};

class Finder {
 public:
  Finder(const ModelSource& source, const SessionOptions& options, ExternalData* data)
      : source_(source),
        options_(options),
        data_(data),
        has_folder_(!source.path.empty() || UsersFolder(options) != nullptr) {}

  Status Add(const ExternalTensor& tensor) {
    ONLITE_RETURN_IF_ERROR(CheckLocation(tensor.location));
    const fs::path normal = Normal(tensor.location);
    const auto passed =
        std::find_if(source_.external_data.begin(), source_.external_data.end(),
                     [&](const auto& entry) { return Normal(entry.first) == normal; });
    if (passed != source_.external_data.end()) return AddPassed(tensor, passed->second);
    if (has_folder_) return AddFile(tensor);
    missing_.insert(tensor.location);
    return Status::Ok();
  }

  Status Finish() const {
    if (missing_.empty()) return Status::Ok();
    std::string names;
    for (const std::string& location : missing_) {
      names += (names.empty() ? "'" : ", '") + location + "'";
    }
    return {ErrorCode::kModelInvalid,
            "the model keeps tensors in " + names + ": pass the bytes as externalData"};
  }

 private:
  Status AddPassed(const ExternalTensor& tensor, const SharedBytes& file) {
    ONLITE_RETURN_IF_ERROR(CheckRange(tensor, file.size));
    // ONNX Runtime replaces main-graph initializers only and would look the
    // others up in the working directory by itself.
    if (!tensor.main_graph) {
      return {ErrorCode::kUnsupported,
              Named(tensor.location) + ": tensor '" + tensor.name +
                  "' is not an initializer of the main graph, which externalData cannot replace; "
                  "create the session from the model's path"};
    }
    PassedInitializer initializer = {tensor.name, tensor.data_type, tensor.dims, {}};
    ONLITE_RETURN_IF_ERROR(Slice(tensor, file, &initializer.bytes));
    data_->passed.push_back(std::move(initializer));
    return Status::Ok();
  }

  Status AddFile(const ExternalTensor& tensor) {
    if (data_->folder.empty()) {
      ONLITE_RETURN_IF_ERROR(Folder::Open(source_, options_, &folder_));
      data_->folder = Utf8(folder_.path());
    }
    const auto [size, added] = sizes_.try_emplace(tensor.location, 0);
    if (added) {
      bool only_real = false;
      ONLITE_RETURN_IF_ERROR(folder_.Find(tensor.location, &size->second, &only_real));
      data_->by_path = data_->by_path || only_real;
    }
    return CheckRange(tensor, size->second);
  }

  const ModelSource& source_;
  const SessionOptions& options_;
  ExternalData* data_;
  const bool has_folder_;
  Folder folder_;
  std::map<std::string, uint64_t> sizes_;
  std::set<std::string> missing_;
};

}  // namespace

Status FindExternalData(const ModelScan& scan, const ModelSource& source,
                        const SessionOptions& options, ExternalData* data) {
  Finder finder(source, options, data);
  for (const ExternalTensor& tensor : scan.external) ONLITE_RETURN_IF_ERROR(finder.Add(tensor));
  return finder.Finish();
}

}  // namespace onlite::ort
