#pragma once

#include <cstdlib>

#ifdef __GLIBC__
#include <malloc.h>
#endif

namespace onlite {

/// Gives freed memory back to the system where the C library would keep it: once
/// a large block was freed, glibc holds on to megabytes for each thread that
/// allocates. Takes up to a millisecond; for the end of what frees much and is
/// seldom done.
inline void TrimHeap() {
#ifdef __GLIBC__
  malloc_trim(0);
#endif
}

}  // namespace onlite
