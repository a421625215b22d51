#pragma once

#include <memory>

#include "runtimes/tflite/api.h"
#include "runtimes/tflite/library.h"

namespace onlite::tflite {

/// The weights that XNNPACK has packed, once for all interpreters of a session.
/// The first interpreter's delegate packs them while the interpreter is made;
/// every later one packs them again, one by one, into memory that is given up as
/// soon as the same contents are found. Outlives the interpreters.
class SharedWeights {
 public:
  SharedWeights() = default;
  SharedWeights(const SharedWeights&) = delete;
  SharedWeights& operator=(const SharedWeights&) = delete;
  virtual ~SharedWeights() = default;

  /// Null if the library's interpreters cannot share weights.
  static std::unique_ptr<SharedWeights> Create(const Library& library);

  /// For the delegates' options.
  virtual TfLiteXNNPackDelegateWeightsCache* handle() = 0;

  /// To be called once, after the first interpreter was created and before its
  /// tensors are allocated.
  virtual bool Finalize() = 0;
};

}  // namespace onlite::tflite
