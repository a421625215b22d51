#include "runtimes/ort/external_data.h"

#include <algorithm>
#include <filesystem>
#include <set>
#include <system_error>

#include "runtimes/ort/file_bytes.h"
#include "runtimes/ort/path.h"

namespace onlite::ort {
namespace {

namespace fs = std::filesystem;

Status Invalid(const std::string& location, const std::string& reason) {
  return {ErrorCode::kModelInvalid, "external data '" + location + "': " + reason};
}

/// "./weights.bin" and "weights.bin" are the same file.
std::string_view WithoutDotSlash(std::string_view path) {
  while (path.starts_with("./")) path.remove_prefix(2);
  return path;
}

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
  if (location.starts_with("*/")) return Invalid(location, "a location cannot begin with '*/'");
  const fs::path path = FilesystemPath(location);
  if (path.is_absolute() || path.has_root_path()) {
    return Invalid(location, "an absolute path; only files in the model's folder are read");
  }
  if (std::any_of(path.begin(), path.end(), [](const fs::path& part) { return part == ".."; })) {
    return Invalid(location, "the path has a '..' part; only files in the model's folder are read");
  }
  // ONNX Runtime files what it is given under the normal form, and looks it up as written.
  const std::string normal = path.lexically_normal().generic_string();
  if (normal != location) {
    return {ErrorCode::kUnsupported, "external data '" + location +
                                         "': ONNX Runtime does not find it under this name, " +
                                         "only as '" + normal + "'"};
  }
  return Status::Ok();
}

Status ReadFromFolder(const std::string& location, const ModelSource& source, SharedBytes* bytes) {
  std::error_code error;
  const fs::path folder =
      fs::canonical(fs::absolute(FilesystemPath(source.path)).parent_path(), error);
  if (error) return Invalid(location, "the model's folder cannot be found");
  const fs::path file = fs::canonical(folder / FilesystemPath(location), error);
  if (error) {
    return {ErrorCode::kModelInvalid,
            "external data '" + location + "': no such file in the model's folder",
            error.message()};
  }
  if (!IsInside(file, folder)) {
    return Invalid(location, "a symbolic link that leads out of the model's folder");
  }
  return ReadPlainFile(file, "external data '" + location + "'", source.map_files, bytes);
}

Status CheckRange(const ExternalTensor& tensor, size_t file_size) {
  const uint64_t length = std::max(tensor.needed, tensor.length.value_or(0));
  if (tensor.offset <= file_size && length <= file_size - tensor.offset) return Status::Ok();
  return Invalid(tensor.location, "tensor '" + tensor.name + "' needs " + std::to_string(length) +
                                      " bytes at offset " + std::to_string(tensor.offset) +
                                      ", the file has " + std::to_string(file_size));
}

}  // namespace

Status LoadExternalData(const ModelScan& scan, const ModelSource& source, ExternalFiles* files) {
  std::set<std::string> missing;
  for (const ExternalTensor& tensor : scan.external) {
    const std::string& location = tensor.location;
    ONLITE_RETURN_IF_ERROR(CheckLocation(location));
    // ONNX Runtime replaces main-graph initializers only and would look the
    // others up in the working directory by itself.
    if (!tensor.main_graph) {
      return {ErrorCode::kUnsupported,
              "external data '" + location + "': tensor '" + tensor.name +
                  "' is not an initializer of the main graph; store it inside the model"};
    }
    if (!files->contains(location) && !missing.contains(location)) {
      const auto passed = std::find_if(
          source.external_data.begin(), source.external_data.end(), [&](const auto& entry) {
            return WithoutDotSlash(entry.first) == WithoutDotSlash(location);
          });
      if (passed != source.external_data.end()) {
        files->emplace(location, passed->second);
      } else if (!source.path.empty()) {
        SharedBytes bytes;
        ONLITE_RETURN_IF_ERROR(ReadFromFolder(location, source, &bytes));
        files->emplace(location, std::move(bytes));
      } else {
        missing.insert(location);
      }
    }
    if (const auto file = files->find(location); file != files->end()) {
      ONLITE_RETURN_IF_ERROR(CheckRange(tensor, file->second.size));
    }
  }
  if (missing.empty()) return Status::Ok();

  std::string names;
  for (const std::string& location : missing) {
    names += (names.empty() ? "'" : ", '") + location + "'";
  }
  return {ErrorCode::kModelInvalid,
          "the model keeps tensors in " + names + ": pass the bytes as externalData"};
}

}  // namespace onlite::ort
