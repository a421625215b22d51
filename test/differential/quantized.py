"""Runs a TensorFlow Lite model with Python's own runtime: LiteRT where it is installed.

usage: quantized.py MODEL SAMPLES INPUT.bin...

Each file has the float32 values of one input, sample after sample; integer inputs are quantised.
Prints a line of JSON: `runtime`, and the `values` of all outputs, sample after sample, as real numbers.
"""

import json
import sys
from importlib.metadata import version

import numpy as np

try:
    from ai_edge_litert.interpreter import Interpreter

    RUNTIME = f"LiteRT {version('ai-edge-litert')}"
except ImportError:
    import tensorflow as tf

    Interpreter = tf.lite.Interpreter
    RUNTIME = f"TensorFlow Lite {tf.__version__}"


def quantized(values, detail):
    if detail["dtype"] == np.float32:
        return values
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    integers = np.rint(values / np.float32(scale)) + zero_point
    return np.clip(integers, limits.min, limits.max).astype(detail["dtype"])


def real(values, detail):
    if detail["dtype"] == np.float32:
        return values
    scale, zero_point = detail["quantization"]
    return (values.astype(np.float64) - zero_point) * scale


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    model, count, *files = sys.argv[1:]
    interpreter = Interpreter(model, num_threads=1)
    interpreter.allocate_tensors()
    details = interpreter.get_input_details()
    data = [np.fromfile(file, np.float32).reshape(int(count), -1) for file in files]
    values = []
    for sample in range(int(count)):
        for detail, array in zip(details, data):
            given = array[sample].reshape(detail["shape"])
            interpreter.set_tensor(detail["index"], quantized(given, detail))
        interpreter.invoke()
        for detail in interpreter.get_output_details():
            output = interpreter.get_tensor(detail["index"])
            values.extend(real(output, detail).astype(float).ravel().tolist())
    print(json.dumps({"runtime": RUNTIME, "values": values}))


if __name__ == "__main__":
    main()
