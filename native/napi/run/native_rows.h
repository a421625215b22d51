#pragma once

#include <napi.h>

#include <memory>
#include <vector>

#include "napi/convert/tensor_arguments.h"
#include "session/session_core.h"

namespace onlite {

class RowsJob;

/// What the runs of a NativeRows read and write.
struct RowsMemory {
  RunArguments arguments;
  std::vector<TensorView> outputs;  // at the place of the request's
  size_t rows = 0;
};

/// The JavaScript face of memory for small runs that join batches: NativeRows of
/// lib/engine/addon/native.ts. What a binding is to single runs; no runtime's binding is behind
/// it. JS thread only.
class NativeRows : public Napi::ObjectWrap<NativeRows> {
 public:
  static Napi::Function Define(Napi::Env env);
  /// `inputs` and `outputs` as ReadRunArguments takes them, all with memory
  /// that runs may use in place (memory_policy.h); any other is refused.
  static Napi::Object Wrap(Napi::Env env, std::shared_ptr<SessionCore> session, napi_value inputs,
                           napi_value outputs);

  /// Takes an External, which only Wrap can make.
  explicit NativeRows(const Napi::CallbackInfo& info);
  ~NativeRows() override;

  /// A run has ended; its job is kept for the next.
  void Keep(std::unique_ptr<RowsJob> job);

  /// JavaScript's `run(id)`.
  void Start(Napi::Env env, napi_value id);

 private:
  struct Parts;

  std::shared_ptr<SessionCore> session_;
  std::shared_ptr<const RowsMemory> memory_;
  std::unique_ptr<RowsJob> idle_job_;
  bool busy_ = false;
};

}  // namespace onlite
