#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "runtimes/model_source.h"
#include "runtimes/tflite/error_log.h"
#include "runtimes/tflite/handles.h"
#include "runtimes/tflite/library.h"
#include "runtimes/tflite/model/model_info.h"

namespace onlite::tflite {

/// A verified model and the runtime's view of it. Immutable; the interpreters of
/// a session share it. Members are destroyed from the last to the first: the
/// runtime's model before the log it reports to and the bytes it points into.
class Model {
 public:
  /// kModelInvalid if the file is damaged or the runtime refuses it, kUnsupported if
  /// this version of it would take the model and then crash or compute nonsense.
  static Status Create(const Library& library, const SharedBytes& bytes, bool resize_inputs,
                       std::unique_ptr<Model>* model);

  const Library& library() const { return library_; }
  const ModelInfo& info() const { return info_; }
  /// The verified file.
  std::span<const uint8_t> file() const { return {bytes_.data, bytes_.size}; }
  /// What the built-in kernels cannot compute and XNNPACK can, as a sentence; else empty.
  const std::string& only_delegate() const { return only_delegate_; }
  bool resize_inputs() const { return resize_inputs_; }
  const TfLiteModel* handle() const { return handle_.get(); }

 private:
  explicit Model(const Library& library) : library_(library) {}

  const Library& library_;
  SharedBytes bytes_;
  ErrorLog log_;
  ModelInfo info_;
  std::string only_delegate_;
  bool resize_inputs_ = false;
  ModelHandle handle_;
};

}  // namespace onlite::tflite
