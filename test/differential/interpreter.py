"""Runs models on random inputs with ai-edge-litert's Interpreter, line by line as a tutorial does.

usage: interpreter.py MODEL...

Writes a line of JSON for each model: the details of its inputs and outputs, and for each
case the inputs and outputs as base64 of little-endian bytes.
"""

import base64
import json
import sys

import numpy as np
from ai_edge_litert.interpreter import Interpreter

CASES = 3


def describe(detail):
    quantization = detail["quantization_parameters"]
    return {
        "name": detail["name"],
        "index": int(detail["index"]),
        "shape": detail["shape"].tolist(),
        "shapeSignature": detail["shape_signature"].tolist(),
        "dtype": np.dtype(detail["dtype"]).name,
        "quantization": list(detail["quantization"]),
        "scales": quantization["scales"].tolist(),
        "zeroPoints": quantization["zero_points"].tolist(),
        "quantizedDimension": int(quantization["quantized_dimension"]),
    }


def random_input(random, detail):
    dtype = np.dtype(detail["dtype"])
    if dtype == np.bool_:
        return random.integers(0, 2, detail["shape"]).astype(dtype)
    if np.issubdtype(dtype, np.integer):
        limits = np.iinfo(dtype)
        return random.integers(limits.min, limits.max, detail["shape"], dtype, endpoint=True)
    return random.uniform(-1, 1, detail["shape"]).astype(dtype)


def encode(array):
    return base64.b64encode(np.ascontiguousarray(array).tobytes()).decode()


def run(path):
    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    input_details = interpreter.get_input_details()
    output_details = interpreter.get_output_details()
    random = np.random.default_rng(1)
    cases = []
    for _ in range(CASES):
        inputs = [random_input(random, detail) for detail in input_details]
        for detail, value in zip(input_details, inputs):
            interpreter.set_tensor(detail["index"], value)
        interpreter.invoke()
        outputs = [interpreter.get_tensor(detail["index"]) for detail in output_details]
        cases.append({"inputs": [*map(encode, inputs)], "outputs": [*map(encode, outputs)]})
    return {
        "inputs": [*map(describe, input_details)],
        "outputs": [*map(describe, output_details)],
        "signatures": interpreter.get_signature_list(),
        "cases": cases,
    }


def main():
    for path in sys.argv[1:]:
        print(json.dumps(run(path)), flush=True)


if __name__ == "__main__":
    main()
