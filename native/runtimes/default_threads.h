#pragma once

namespace onlite {

/// Threads the process-wide pools may use; set once before the first Load
/// (os.availableParallelism()). Read by both adapters.
void SetDefaultThreadCount(int threads);
int DefaultThreadCount();

}  // namespace onlite
