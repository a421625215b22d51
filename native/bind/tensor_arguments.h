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
  /// JavaScript goes on while the run reads: everything is copied.
  kAsynchronous,
};

/// A run's request, read from JavaScript, and the memory that its snapshots use.
struct RunArguments {
  RunRequest request;
  AlignedBuffer snapshots;
};

/// Reads the flat arrays that lib/run.ts builds:
/// inputs  [index, element type, dims, data, …], data a typed array or, for
///         strings, an array of strings;
/// outputs [index, element type, dims, memory, …], memory a typed array that
///         the result is written to, or null.
/// Throws ERR_INVALID_ARGUMENT for anything of another form,
/// ERR_BUFFER_DETACHED for detached memory. Reads no property of a user's
/// object and runs no JavaScript, so nothing changes under its hands.
void ReadRunArguments(Napi::Env env, napi_value inputs, napi_value outputs, FeedPolicy policy,
                      RunArguments* arguments);

/// The value as lib/run.ts expects it: null for a result that was written into
/// the caller's memory; [0, type, dims, data] for a tensor, data an ArrayBuffer
/// or an array of strings; [1, items] for a sequence; [2, keys, values] for a
/// map; [3] for an optional without a value.
napi_value ValueToJs(Napi::Env env, const Value& value);

}  // namespace onlite
