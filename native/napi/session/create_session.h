#pragma once

#include <napi.h>

namespace onlite {

/// createSession(id, source, options, candidates): dispatches a NativeSession.
/// The file is read, the library opened and the session made on an executor
/// thread. See NativeAddon of lib/engine/addon/native.ts.
Napi::Value CreateSession(const Napi::CallbackInfo& info);

/// allocateBytes(length): an External of private memory for a model's bytes.
Napi::Value AllocateBytes(const Napi::CallbackInfo& info);

/// copyBytes(external, at, typedArray): fills it, piece by piece, so that a
/// large model does not hold up the event loop.
Napi::Value CopyBytes(const Napi::CallbackInfo& info);

/// describeForeignFile(bytes): what a file is that is no model, with the remedy; '' for
/// one that may be one (runtimes/foreign_file.h).
Napi::Value DescribeFile(const Napi::CallbackInfo& info);

}  // namespace onlite
