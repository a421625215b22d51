#pragma once

#include <string>
#include <vector>

#include "core/status.h"
#include "core/tensor.h"
#include "runtimes/ort/handles.h"

namespace onlite::ort {

/// A value over the view's own memory, which must outlive it (strings are
/// copied). The view has been checked (request.h).
Status WrapTensor(const TensorView& tensor, OrtMemoryInfo* cpu, ValueHandle* value);

/// A sequence of such values, at least one.
Status WrapSequence(const std::vector<TensorView>& items, OrtMemoryInfo* cpu, ValueHandle* value);

/// What a run produced, `value`, as ours: tensors keep the runtime's memory
/// alive as their owner, strings are copied. `name` is the output's.
Status TakeValue(ValueHandle value, const std::string& name, Value* result);

/// A copy of a tensor that a run left where it ran, as TakeValue's.
Status CopyValueToHost(const OrtEnv* env, const OrtValue* value, const std::string& name,
                       Value* result);

/// Copies of tensors, from one memory to one other, to tensors of the same types and shapes.
class TensorCopies {
 public:
  void Add(const OrtValue* from, OrtValue* to);
  Status Make(const OrtEnv* env) const;

 private:
  std::vector<const OrtValue*> from_;
  std::vector<OrtValue*> to_;
};

/// Zeroes the bits of the last byte that are no element: the kernels leave there
/// what was in memory.
void ClearPadding(const TensorView& tensor);

/// The dims of a tensor value.
Status ReadDims(const OrtValue* value, ElementType* type, Dims* dims);

}  // namespace onlite::ort
