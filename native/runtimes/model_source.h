#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <utility>
#include <vector>

/// Where a model comes from.
namespace onlite {

/// A buffer that several holders may share; never written after it was filled.
struct SharedBytes {
  std::shared_ptr<const void> owner;
  const uint8_t* data = nullptr;
  size_t size = 0;
};

/// A file that was opened: whatever becomes of its name, it is the same one.
class OpenFile {
 public:
  OpenFile() = default;
  OpenFile(const OpenFile&) = delete;
  OpenFile& operator=(const OpenFile&) = delete;
  virtual ~OpenFile() = default;

  /// A path that opens this very file again, in this process.
  virtual std::string path() const = 0;
  /// False if it was written to since it was opened.
  virtual bool IsUnchanged() const = 0;
};

struct ModelSource {
  /// The model's bytes: always set, also for a model that came from a file.
  SharedBytes bytes;
  /// The file itself if it is so large that a runtime had better read it again than
  /// copy the bytes, and where a system has such paths; else null.
  std::shared_ptr<const OpenFile> file;
  /// The file the bytes were read from, UTF-8; empty for a model from memory.
  std::string path;
  /// ONNX external data passed by the caller: the `location` in the model, bytes.
  std::vector<std::pair<std::string, SharedBytes>> external_data;
  /// Map the model's file instead of reading it (the caller opted in).
  bool map_files = false;
  /// External data may be reached by links, as far as that keeps it in the model's folder.
  bool external_data_links = true;
};

}  // namespace onlite
