#pragma once

#include <functional>

namespace onlite {

/// Does work at a lower priority than the process's other threads have, and returns when it is
/// done: with what it throws. That is on a thread of its own, which ends with the work, because a
/// priority that was lowered cannot be raised again without a privilege. Without a thread, or where
/// the system does not let it lower its priority, the work is done all the same.
void RunAtLowPriority(const std::function<void()>& work);

/// Whether the calling thread is one of RunAtLowPriority.
bool IsAtLowPriority();

/// Within such work: has the thread that waits for it do something, and waits for that; anywhere
/// else it is done at once. For all that makes threads, which have their maker's priority for as
/// long as they live.
void RunAtOrdinaryPriority(const std::function<void()>& work);

}  // namespace onlite
