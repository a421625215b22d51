"""Quantises a TensorFlow Lite model with ai-edge-quantizer: int8 weights and activations.

usage: quantize_tflite.py METHOD MODEL OUT CALIBRATION.npz

METHOD is static (by the samples) or dynamic (weights alone). Prints a line of JSON: what usage.py
says it took, and `bytes` of OUT.
"""

import json
import sys
from pathlib import Path

import numpy as np
from ai_edge_quantizer import quantizer, recipe
from ai_edge_quantizer.utils.tfl_interpreter_utils import DEFAULT_SIGNATURE_KEY

from usage import Usage

RECIPES = {"static": recipe.static_wi8_ai8, "dynamic": recipe.dynamic_wi8_afp32}


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in RECIPES:
        sys.exit(__doc__)
    method, model, out, calibration = sys.argv[1:]
    arrays = dict(np.load(calibration))
    usage = Usage()
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
    print(json.dumps({"method": method, **usage.taken(), "bytes": Path(out).stat().st_size}))


if __name__ == "__main__":
    main()
