#pragma once

#include <cstdint>

#ifdef __linux__
#include <sys/resource.h>
#endif

namespace onlite {

/// How often the system has taken the processor from the calling thread while it had
/// work; always 0 where that is not known of a thread. Takes less than a microsecond.
inline int64_t Preemptions() {
#ifdef __linux__
  rusage usage{};
  return getrusage(RUSAGE_THREAD, &usage) == 0 ? usage.ru_nivcsw : 0;
#else
  return 0;
#endif
}

}  // namespace onlite
