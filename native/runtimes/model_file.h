#pragma once

#include <string>

#include "core/status.h"
#include "runtimes/runtime.h"

namespace onlite {

/// Reads a whole file into private memory at tensor alignment. A private copy,
/// because a mapped file that somebody overwrites in place kills the process
/// with SIGBUS. `path` is UTF-8. kModelNotFound when there is no such
/// regular file, kModelUnreadable when there is one that cannot be read.
Status ReadModelFile(const std::string& path, SharedBytes* bytes);

/// Maps the file instead, for callers that opted in and replace files by
/// rename only. Where there is no mmap the file is read.
Status MapModelFile(const std::string& path, SharedBytes* bytes);

/// The engine a model's first bytes call for: "TFL3" at offset 4 is TensorFlow
/// Lite; "ORTM" there, or anything that begins as an ONNX ModelProto does, is
/// ONNX Runtime. kModelInvalid for anything else, named for what it is
/// (foreign_file.h) where that can be told.
Status DetectEngine(const SharedBytes& bytes, Engine* engine);

}  // namespace onlite
