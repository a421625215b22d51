#pragma once

#include <napi.h>

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "core/aligned_buffer.h"
#include "napi/convert/typed_array.h"
#include "runtimes/run_request.h"
#include "runtimes/session_info.h"
#include "session/memory_policy.h"

namespace onlite {

/// A run's request, read from JavaScript, and the memory that its snapshots use.
struct RunArguments {
  RunRequest request;
  AlignedBuffer snapshots;
  /// The run reads or writes memory of JavaScript's.
  bool in_place = false;
  /// Of the snapshots and of strings, which are always copied.
  size_t copied_bytes = 0;
  /// Asked before many bytes are copied; may be empty.
  std::function<Status(size_t bytes)> admit;
  /// By requested output: lib/ copies the result to where it belongs (held_result.h).
  std::vector<bool> held;
  /// Nobody wants the run's times in the histograms.
  bool is_warm_up = false;
};

/// Reads the flat arrays that lib/ builds:
/// inputs  [index, element type, dims, data, MemoryKind, …], data a typed array
///         or, for strings, an array of strings; a sequence has the type 255 and as
///         data such an array of its items;
/// outputs [index, element type, dims, memory, MemoryKind, …], memory a typed
///         array that the result is written to if that is safe and it has the
///         type and shape. Without memory the kind says whether the result
///         becomes an ArrayBuffer (kOrdinary) or is held (kPooled), which a
///         result that could not be written to memory of JavaScript's is, too.
/// `info` is the session's. Throws ERR_INVALID_ARGUMENT for anything of another
/// form, and for an output's memory where an input's or another output's lies too;
/// ERR_BUFFER_DETACHED for detached memory. The arrays are ours, but a getter
/// on Array.prototype may run: check what must hold for the run after this.
void ReadRunArguments(Napi::Env env, const SessionInfo& info, napi_value inputs, napi_value outputs,
                      FeedPolicy policy, RunArguments* arguments);

/// ERR_INVALID_ARGUMENT: `output` would be written where `other` lies, which is an
/// input or another output.
[[noreturn]] void ThrowOverlap(Napi::Env env, const std::string& output, const char* other_list,
                               const std::string& other);

/// One tensor of such an array, as far as it can be read while JavaScript may
/// still change it: reading an array's elements may run a getter of the user's.
struct EncodedTensor {
  size_t index = 0;
  ElementType type = ElementType::kUndefined;
  Dims dims;
  napi_value data = nullptr;
  bool has_memory = false;
  MemoryKind kind = MemoryKind::kOrdinary;
  std::vector<std::string> strings;
  /// Of a sequence, which has no data itself.
  bool is_sequence = false;
  std::vector<EncodedTensor> items;
};

/// Reads such an array. May run JavaScript.
std::vector<EncodedTensor> ReadTensors(Napi::Env env, napi_value tensors, const char* what);

/// Looks up the memory of one tensor, which is valid until JavaScript runs
/// again. Runs none itself. Throws if there is less than the dims need.
TensorArgument ResolveTensor(Napi::Env env, EncodedTensor encoded);

/// The value as lib/engine/tensor/values.ts expects it: null for a result that was written into
/// the caller's memory; [0, type, dims, data] for a tensor, data an ArrayBuffer
/// or an array of strings; [1, items] for a sequence; [2, keys, values] for a
/// map; [3] for an optional without a value.
napi_value ValueToJs(Napi::Env env, const Value& value);

/// The encoding of a tensor whose data is encoded already.
napi_value TensorToJs(Napi::Env env, const TensorView& tensor, napi_value data);

}  // namespace onlite
