#include <cstddef>

/// Stands for the C++ library's demangler where that is linked statically: a tenth of the addon,
/// for the name of a type in the message of `std::terminate`, which says the mangled name without
/// it.
// NOLINTNEXTLINE(readability-identifier-naming): the C++ library calls it so.
extern "C" char* __cxa_demangle(const char* /*mangled*/, char* /*buffer*/, size_t* /*length*/,
                                int* status) {
  constexpr int kInvalidName = -2;
  if (status != nullptr) *status = kInvalidName;
  return nullptr;
}
