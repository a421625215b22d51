#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/tflite/api.h"
#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/model/model_info.h"

namespace onlite::tflite {

/// One entry point of one interpreter: the primary subgraph through the
/// interpreter's own functions, a signature through its signature runner. The
/// interpreter must outlive it. Not thread-safe.
class EntryRunner {
 public:
  /// `key` is null for the primary entry point. kUnsupported if the library has
  /// no signature runners; kModelInvalid if the interpreter's inputs and outputs
  /// are not those that were read from the file.
  static Status Create(const Api& api, TfLiteInterpreter* interpreter, const EntryPoint& entry,
                       const char* key, std::unique_ptr<EntryRunner>* runner);

  TfLiteTensor* Input(size_t index) const;
  /// After an invocation; may be null.
  const TfLiteTensor* Output(size_t index) const;
  /// The tensor's index in the interpreter, for placement; -1 where there is none
  /// (signatures, and libraries that cannot tell).
  int InputTensorIndex(size_t index) const;
  int OutputTensorIndex(size_t index) const;
  ApiStatus Resize(size_t index, const Dims& dims) const;
  ApiStatus Allocate() const;
  ApiStatus Invoke() const;

 private:
  EntryRunner(const Api& api, TfLiteInterpreter* interpreter, const EntryPoint& entry)
      : api_(api), interpreter_(interpreter), entry_(entry) {}

  const Api& api_;
  TfLiteInterpreter* interpreter_;
  const EntryPoint& entry_;
  /// Null for the primary entry point.
  SignatureRunnerHandle signature_;
};

}  // namespace onlite::tflite
