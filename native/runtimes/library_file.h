#pragma once

#include <cstdint>
#include <string>

#include "core/status.h"

namespace onlite {

/// Which libraries a process can load. The values are those of the formats' headers.
struct LibraryTarget {
  enum class Format { kElf, kMachO, kPe };
  enum class Processor { kX64, kArm64 };
  Format format;
  Processor processor;

  /// This process's.
  static LibraryTarget Host();
};

/// What a library's file shows before the system maps it: kRuntimeNotFound, with the reason as the
/// cause, for one that is for another system or processor, that is no library, or whose headers
/// name bytes beyond its end, which would end the process (SIGBUS) when they are touched. OK for
/// what the system has to say itself, such as that there is no file. `path` is UTF-8.
Status CheckLibraryFile(const std::string& path, LibraryTarget target = LibraryTarget::Host());

}  // namespace onlite
