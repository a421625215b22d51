#pragma once

#include <filesystem>

#include "core/status.h"
#include "runtimes/runtime.h"

namespace onlite::ort {

/// Reads a regular file that has exactly one name in the file system (no other
/// hard link) into memory, or maps it privately. The checks are made on the
/// opened file, so that it cannot be exchanged in between. On failure the
/// status says why, in the words "…: <reason>" after `what`.
Status ReadPlainFile(const std::filesystem::path& path, const std::string& what, bool map,
                     SharedBytes* bytes);

}  // namespace onlite::ort
