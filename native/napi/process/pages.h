#pragma once

#include <napi.h>

namespace onlite {

/// discardPages(view): gives the whole pages within a typed array's memory back
/// to the system; the bytes of those pages become unspecified, the memory stays
/// usable. Returns the bytes given back, 0 if the system refuses.
Napi::Value DiscardPages(const Napi::CallbackInfo& info);

}  // namespace onlite
