"""Finds the ranges of a model's activations with ONNX Runtime's calibrator, and does nothing else.

usage: calibrate.py METHOD MODEL CALIBRATION.npz FOLDER

METHOD is minmax, percentile or entropy, with the settings of quantize_static. Prints a line of
JSON: what usage.py says it took, and the `ranges` by tensor.

calibrate.py prepare MODEL CALIBRATION.npz FOLDER writes what MODEL is after ONNX Runtime's basic
level, and the arrays as arrays.py does. Prints a line of JSON for the model, with its `path`, and
those of arrays.py.
"""

import json
import sys
from pathlib import Path

import numpy as np
from onnxruntime.quantization.calibrate import CalibrationMethod, create_calibrator
from onnxruntime.quantization.registry import QDQRegistry, QLinearOpsRegistry

from arrays import write_arrays
from quantize import Samples, simplified
from usage import Usage

METHODS = {
    "minmax": CalibrationMethod.MinMax,
    "percentile": CalibrationMethod.Percentile,
    "entropy": CalibrationMethod.Entropy,
}


def prepare(model, calibration, folder):
    print(json.dumps({"path": simplified(model, folder)}))
    write_arrays(calibration, folder)


def ends(data):
    low, high = data.range_value
    return [float(np.min(low)), float(np.max(high))]


def main():
    if len(sys.argv) != 5 or sys.argv[1] not in ("prepare", *METHODS):
        sys.exit(__doc__)
    method, model, calibration, folder = sys.argv[1:]
    if method == "prepare":
        return prepare(model, calibration, folder)
    samples = Samples(dict(np.load(calibration)))
    usage = Usage()
    calibrator = create_calibrator(
        model,
        sorted({*QLinearOpsRegistry, *QDQRegistry}),
        augmented_model_path=str(Path(folder) / "augmented.onnx"),
        calibrate_method=METHODS[method],
    )
    calibrator.collect_data(samples)
    ranges = {name: ends(data) for name, data in calibrator.compute_data().items()}
    print(json.dumps({"method": method, **usage.taken(), "ranges": ranges}))


if __name__ == "__main__":
    main()
