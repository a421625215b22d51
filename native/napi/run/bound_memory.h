#pragma once

#include <napi.h>

#include <string>

#include "core/aligned_buffer.h"
#include "core/status.h"
#include "core/tensor.h"
#include "napi/convert/tensor_arguments.h"

namespace onlite {

/// One bound input or output: the memory JavaScript sees, and a private copy
/// for runs that must not touch it. JS thread only.
class BoundMemory {
 public:
  enum class Use : uint8_t { kInput, kOutput };

  /// `array` is the typed array (ignored for strings and stable memory).
  BoundMemory(Napi::Env env, TensorArgument argument, napi_value array);

  /// JavaScript's memory.
  const TensorView& view() const { return argument_.view; }

  /// Neither a copy nor a look at the memory is ever needed.
  bool IsAlwaysInPlace() const;

  /// Whether a run works on the private copy instead (MustCopy).
  bool IsCopied(bool asynchronous) const;

  size_t byte_length() const { return argument_.view.byte_length; }

  /// Each takes the other's memory, of the same type and dims.
  void Exchange(BoundMemory* other);

  /// The view that such a run is bound to. kOutOfMemory if there is no memory
  /// for a copy.
  Status ViewFor(bool asynchronous, TensorView* view);

  /// kBufferDetached if JavaScript's memory is not what was bound any more.
  Status CheckAttached(Napi::Env env, const char* list, const std::string& name) const;

  /// Between JavaScript's memory and the copy; CheckAttached came before.
  void CopyIn();
  void CopyOut();

 private:
  TensorArgument argument_;
  Napi::ObjectReference array_;
  AlignedBuffer copy_;
};

}  // namespace onlite
