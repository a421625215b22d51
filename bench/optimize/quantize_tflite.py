"""Quantises a TensorFlow Lite model with ai-edge-quantizer: int8 weights and activations.

usage: quantize_tflite.py METHOD MODEL OUT CALIBRATION.npz

METHOD is static (by the samples) or dynamic (weights alone). Prints a line of JSON: `seconds`
without Python's imports, `cpuSeconds` and `peakBytes` of the process, `importedBytes`, what the
imports alone took, and `bytes` of OUT.
"""

import json
import resource
import sys
import time
from pathlib import Path

import numpy as np
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.utils.tfl_interpreter_utils import DEFAULT_SIGNATURE_KEY

RECIPES = {"static": recipe.static_wi8_ai8, "dynamic": recipe.dynamic_wi8_afp32}


def peak_bytes():
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 1024


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in RECIPES:
        sys.exit(__doc__)
    method, model, out, calibration = sys.argv[1:]
    arrays = dict(np.load(calibration))
    imported = peak_bytes()
    start = time.perf_counter()
    made = quantizer.Quantizer(model, RECIPES[method]())
    statistics = None
    if made.need_calibration:
        count = len(next(iter(arrays.values())))
        samples = [
            {name: array[index : index + 1] for name, array in arrays.items()}
            for index in range(count)
        ]
        statistics = made.calibrate({DEFAULT_SIGNATURE_KEY: samples})
    made.quantize(statistics).export_model(out, overwrite=True)
    print(
        json.dumps(
            {
                "method": method,
                "seconds": time.perf_counter() - start,
                "cpuSeconds": time.process_time(),
                "peakBytes": peak_bytes(),
                "importedBytes": imported,
                "bytes": Path(out).stat().st_size,
            }
        )
    )


if __name__ == "__main__":
    main()
