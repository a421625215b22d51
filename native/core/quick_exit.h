#pragma once

namespace onlite {

/// The end of a process that work of the runtimes' goes on in: it has no time to wait for that,
/// and static destructors beside it crash. So they are left out.

/// From now on, if work is inside the exit gate when exit() begins, the process ends there and
/// then, with exit()'s code (`code` where the C library does not tell it). Any thread; may be
/// called again, with a later code.
void GuardExit(int code);

/// Ends the process with the code that GuardExit was given last.
[[noreturn]] void LeaveProcess();

}  // namespace onlite
