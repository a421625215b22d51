#pragma once

namespace onlite {

/// Something large was freed: gives the heap's free pages back to the system a
/// moment after the last of a burst of calls, on a thread of its own. Cheap,
/// any thread. Does nothing where the C library does that itself (all but glibc's).
void TrimHeapSoon() noexcept;

}  // namespace onlite
