#pragma once

#include <napi.h>

namespace onlite {

/// parseNumbers(bytes, begin, end, type, flags, maxDepth, maxElements, maxBytes, path, out):
/// [where the value ends, an ArrayBuffer of the elements, …dims], with null for the elements if
/// they are in `out`, a typed array or undefined. `flags` are lib/engine/addon/native.ts's
/// parseFlag. Errors begin with `path`, which is read for them alone.
Napi::Value ParseNumbersOf(const Napi::CallbackInfo& info);

/// printNumbers(tensor, flags, maxBytes, path, out, begin, rows): [the bytes' number, an
/// ArrayBuffer of them, a Float64Array's buffer of the rows' ends]; null for the bytes if they are
/// in `out`, a Uint8Array or undefined, from `begin` on, and for the ends unless `rows`. `tensor`
/// is an array of one tensor as ReadRunArguments takes them.
Napi::Value PrintNumbersOf(const Napi::CallbackInfo& info);

}  // namespace onlite
