#pragma once

namespace onlite {

/// The end of a process that work of the runtimes' goes on in: it has no time to wait for that,
/// and static destructors beside it crash. So they are left out.

/// The process's code, as far as it is known before exit() is called.
void SetExitCode(int code);

/// From now on, if work is inside the exit gate when exit() begins, the process ends there and
/// then, with exit()'s code (SetExitCode's where the C library does not tell it). Any thread; may
/// be called again.
void GuardExit();

/// Ends the process with the code that SetExitCode was given last, else 0.
[[noreturn]] void LeaveProcess();

}  // namespace onlite
