#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "runtimes/model_source.h"
#include "runtimes/ort/model_scan.h"
#include "runtimes/session_options.h"

namespace onlite::ort {

/// An initializer of the main graph whose bytes the caller passed.
struct PassedInitializer {
  std::string name;
  int32_t data_type = 0;  // TensorProto.DataType
  std::vector<int64_t> dims;
  /// Its own bytes, aligned for its type.
  SharedBytes bytes;
};

/// Where ONNX Runtime finds the data of a model's external tensors.
struct ExternalData {
  /// Given to it as values that it uses in place: the bytes must outlive the session.
  std::vector<PassedInitializer> passed;
  /// The folder, as an absolute path without links (UTF-8), that it looks the
  /// other locations up in; empty if there are none.
  std::string folder;
  /// Some file lies in the folder of the model's real path only. ONNX Runtime
  /// finds such files if it opens the model by its path, not in `folder`.
  bool by_path = false;
};

/// The session configuration entry for the folder, which a user may set for a
/// model from memory.
inline constexpr const char* kExternalDataFolderEntry =
    "session.model_external_initializers_file_folder_path";

/// Finds the data of every external tensor of the scan: among what the caller
/// passed (`source.external_data`), else below the folder of `source.path`, or
/// below the folder that its links lead to; never anywhere else. All ranges are
/// checked against the files' sizes. Without `source.external_data_links` a
/// location may not go through a symbolic link, nor name a file that has other
/// names (hard links).
///
/// What is checked here are the files as they are now. ONNX Runtime opens them
/// later, and from 1.24 on makes the same check of the folder itself; whoever can
/// write to the folder while a session is created from it can also replace the
/// model.
Status FindExternalData(const ModelScan& scan, const ModelSource& source,
                        const SessionOptions& options, ExternalData* data);

}  // namespace onlite::ort
