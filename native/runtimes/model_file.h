#pragma once

#include <string>

#include "core/status.h"
#include "runtimes/model_source.h"
#include "runtimes/session_info.h"

namespace onlite {

/// Reads the whole file at `source->path` into private memory at tensor alignment.
/// A private copy, because a mapped file that somebody overwrites in place kills
/// the process with SIGBUS. kModelNotFound when there is no such regular file,
/// kModelUnreadable when there is one that cannot be read.
///
/// With `source->map_files` it is mapped instead, for callers that opted in and
/// replace files by rename only. Where there is no mmap the file is read.
Status ReadModelFile(ModelSource* source);

/// The engine a model's first bytes call for: "TFL3" at offset 4 is TensorFlow
/// Lite; "ORTM" there, or anything that begins as an ONNX ModelProto does, is
/// ONNX Runtime. kModelInvalid for anything else, named for what it is
/// (foreign_file.h) where that can be told.
Status DetectEngine(const SharedBytes& bytes, Engine* engine);

}  // namespace onlite
