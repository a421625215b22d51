"""How near TensorFlow Lite models are to a float model, by LiteRT.

usage: evaluate_tflite.py HELDOUT.npz FLOAT MODEL...

Prints a line of JSON a model: `sqnr` in dB over all samples of the first output, null where there
is no error at all; or its `error`, where it cannot be run.
"""

import json
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter


def real(values, detail):
    if np.issubdtype(detail["dtype"], np.floating):
        return values
    scale, zero_point = detail["quantization"]
    return (values.astype(np.float64) - zero_point) * scale


def given(values, detail):
    if np.issubdtype(detail["dtype"], np.floating):
        return values
    scale, zero_point = detail["quantization"]
    limits = np.iinfo(detail["dtype"])
    integers = np.rint(values / scale) + zero_point
    return np.clip(integers, limits.min, limits.max).astype(detail["dtype"])


def outputs(model, samples):
    """Of models with one input."""
    interpreter = Interpreter(model, num_threads=1)
    interpreter.allocate_tensors()
    [put] = interpreter.get_input_details()
    got = interpreter.get_output_details()[0]
    results = []
    for sample in samples:
        interpreter.set_tensor(put["index"], given(sample[None], put))
        interpreter.invoke()
        results.append(real(interpreter.get_tensor(got["index"]), got))
    return np.concatenate(results).astype(np.float64)


def sqnr(reference, candidate):
    error = np.linalg.norm(reference - candidate)
    return None if error == 0 else 20 * np.log10(np.linalg.norm(reference) / error)


def main():
    if len(sys.argv) < 4:
        sys.exit(__doc__)
    data, float_model, *models = sys.argv[1:]
    [samples] = np.load(data).values()
    reference = outputs(float_model, samples)
    for model in models:
        try:
            found = {"sqnr": sqnr(reference, outputs(model, samples))}
        except Exception as error:
            found = {"error": str(error)[:300]}
        print(json.dumps({"model": model, **found}))


if __name__ == "__main__":
    main()
