"""What a process of Python takes, for the scripts that are measured beside onlite."""

import resource
import time


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


class Usage:
    """To be made when everything has been imported and read."""

    def __init__(self):
        self.imported = peak_bytes()
        self.start = time.perf_counter()

    def taken(self):
        """
        By the names of a line of JSON: `seconds` since this was made, `cpuSeconds` and `peakBytes`
        of the process, and `importedBytes`, its peak before.
        """
        return {
            "seconds": time.perf_counter() - self.start,
            "cpuSeconds": time.process_time(),
            "peakBytes": peak_bytes(),
            "importedBytes": self.imported,
        }
