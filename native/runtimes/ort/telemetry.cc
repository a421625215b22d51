#include <algorithm>
#include <mutex>
#include <string_view>

#include "runtimes/runtime.h"

#ifdef __linux__
#include <unistd.h>
#endif

namespace onlite {

#ifdef __linux__
namespace {

// setenv may free the array that getenv reads on another thread at that moment, as the
// runtimes' and the system's threads do. So the variable comes in an array of our own, whose
// place is taken in one store, and the old one stays.
void AddVariable(char* variable) {
  size_t count = 0;
  while (environ != nullptr && environ[count] != nullptr) ++count;
  // For as long as the process lives, also where somebody has put another array in its place.
  static char** variables = nullptr;
  variables = new char*[count + 2];
  std::copy_n(environ, count, variables);
  variables[count] = variable;
  variables[count + 1] = nullptr;
  __atomic_store_n(&environ, variables, __ATOMIC_RELEASE);
}

bool IsSet(std::string_view name) {
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    if (text.size() > name.size() && text[name.size()] == '=' && text.starts_with(name)) {
      return true;
    }
  }
  return false;
}

}  // namespace

/// From 1.30 on the npm package's library for Linux reports use to its vendor, and
/// leaves a file in the temporary directory for each process, unless this is set
/// before it is opened. Whoever wants that sets the variable to 0.
void DisableTelemetry() {
  static std::once_flag once;
  std::call_once(once, [] {
    static char variable[] = "ORT_DISABLE_TELEMETRY=1";
    if (!IsSet("ORT_DISABLE_TELEMETRY")) AddVariable(variable);
  });
}

#else

void DisableTelemetry() {}

#endif

}  // namespace onlite
