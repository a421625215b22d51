"""Writes each array of a file into one of its own, for others to read.

usage: arrays.py FILE.npz FOLDER

Prints a line of JSON for each array: `name`, `type`, `dims` of a sample, and `path`.
"""

import json
import sys
from pathlib import Path

import numpy as np


def write_arrays(file, folder):
    for name, array in np.load(file).items():
        path = str(Path(folder) / f"{name}.bin")
        array.tofile(path)
        dims = [1, *array.shape[1:]]
        print(json.dumps({"name": name, "type": str(array.dtype), "dims": dims, "path": path}))


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    write_arrays(*sys.argv[1:])
