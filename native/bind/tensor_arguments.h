#pragma once

#include <napi.h>

#include <cstdint>
#include <vector>

#include "core/aligned_buffer.h"
#include "runtimes/runtime.h"

namespace onlite {

/// How a run uses the memory of its feeds (DESIGN §4). This file and its .cc
/// are the one place that decides between in place and a copy.
enum class FeedPolicy : uint8_t {
  /// The run ends before JavaScript continues: in place, but memory that other
  /// threads may write (SharedArrayBuffer) is copied.
  kSynchronous,
  /// JavaScript goes on while the run reads: in place only what the pool keeps
  /// from being detached and no kernel uses as an index; the rest is copied.
  kAsynchronous,
};

/// A tensor as a flat array of lib/ describes it, and what is known of its memory.
struct TensorArgument {
  TensorView view;
  /// The memory is never detached, moved or freed while its tensor lives: the pool's.
  bool stable = false;
  /// Other threads may write it: a SharedArrayBuffer.
  bool shared = false;
};

/// The decision of DESIGN §4 for a tensor that a run reads.
bool MustCopyFeed(const TensorArgument& argument, FeedPolicy policy);

/// A run's request, read from JavaScript, and the memory that its snapshots use.
struct RunArguments {
  RunRequest request;
  AlignedBuffer snapshots;
};

/// Reads the flat arrays that lib/run.ts builds:
/// inputs  [index, element type, dims, data, stable, …], data a typed array or,
///         for strings, an array of strings;
/// outputs [index, element type, dims, memory, stable, …], memory a typed array
///         that the result is written to, or null.
/// Throws ERR_INVALID_ARGUMENT for anything of another form,
/// ERR_BUFFER_DETACHED for detached memory. Reads no property of a user's
/// object and runs no JavaScript, so nothing changes under its hands.
void ReadRunArguments(Napi::Env env, napi_value inputs, napi_value outputs, FeedPolicy policy,
                      RunArguments* arguments);

/// One tensor of such an array. `array` receives the typed array, if there is one.
TensorArgument ReadTensorArgument(Napi::Env env, napi_value tensors, uint32_t offset,
                                  napi_value* array);

/// The places of the tensors in such an array: 0, 5, …
inline constexpr uint32_t kFieldsPerTensor = 5;
uint32_t TensorFields(Napi::Env env, napi_value tensors, const char* what);
size_t ReadIndex(Napi::Env env, napi_value tensors, uint32_t offset);

/// The length in bytes of a typed array now, 0 if it is detached, and its memory.
size_t TypedArrayBytes(Napi::Env env, napi_value array, void** data);

/// The value as lib/values.ts expects it: null for a result that was written into
/// the caller's memory; [0, type, dims, data] for a tensor, data an ArrayBuffer
/// or an array of strings; [1, items] for a sequence; [2, keys, values] for a
/// map; [3] for an optional without a value.
napi_value ValueToJs(Napi::Env env, const Value& value);

}  // namespace onlite
