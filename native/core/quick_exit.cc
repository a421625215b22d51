#include "core/quick_exit.h"

#include <atomic>
#include <cstdlib>

#ifdef _WIN32
#include <windows.h>
#else
#include <unistd.h>
#endif

#include "core/exit_gate.h"

namespace onlite {
namespace {

std::atomic<int> exit_code{0};

[[noreturn]] void Leave(int code) {
#ifdef _WIN32
  // _exit would have every library clean up.
  TerminateProcess(GetCurrentProcess(), static_cast<UINT>(code));
  std::abort();
#else
  _exit(code);
#endif
}

// Handlers run in the reverse order of their registration, which is late: before the static
// destructors of every library that is open.
bool Register() {
#ifdef __GLIBC__
  const auto leave = [](int code, void* /*argument*/) {
    if (ExitGate::Process().busy()) Leave(code);
  };
  return on_exit(leave, nullptr) == 0;
#else
  return std::atexit([] {
           if (ExitGate::Process().busy()) Leave(exit_code.load());
         }) == 0;
#endif
}

}  // namespace

void SetExitCode(int code) { exit_code.store(code); }

void GuardExit() {
  static const bool registered = Register();
  static_cast<void>(registered);
}

void LeaveProcess() { Leave(exit_code.load()); }

}  // namespace onlite
