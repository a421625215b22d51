#pragma once

#include <napi.h>

namespace onlite {

/// discardPages(view): gives the whole pages within a typed array's memory back
/// to the system; the bytes of those pages become unspecified, the memory stays
/// usable. Returns the bytes given back, 0 if the system refuses.
Napi::Value DiscardPages(const Napi::CallbackInfo& info);

/// releaseBytes(array): detaches an array's buffer, whose memory is free at once unless
/// something else holds it. Whether it was: false for an array over a part of its
/// buffer, shared memory, and what cannot be detached.
Napi::Value ReleaseBytes(const Napi::CallbackInfo& info);

}  // namespace onlite
