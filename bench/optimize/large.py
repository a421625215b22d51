"""Writes a model whose weights are in a file of their own, without holding them in memory.

usage: large.py PATH.onnx GIBIBYTES

Layers of [4096, 4096], 64 MiB each, with a Relu between: x [n, 4096] → y [n, 4096].
"""

import sys
from pathlib import Path

import numpy as np
from onnx import TensorProto, helper, save

WIDTH = 4096
LAYERS_A_GIBIBYTE = 2**30 // (WIDTH * WIDTH * 4)


def weight(name, location, index):
    tensor = TensorProto(name=name, dims=[WIDTH, WIDTH], data_type=TensorProto.FLOAT)
    tensor.data_location = TensorProto.EXTERNAL
    length = WIDTH * WIDTH * 4
    entries = {"location": location, "offset": index * length, "length": length}
    for key, value in entries.items():
        tensor.external_data.add(key=key, value=str(value))
    return tensor


def main():
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    path = Path(sys.argv[1])
    layers = int(float(sys.argv[2]) * LAYERS_A_GIBIBYTE)
    data = path.with_suffix(".data")
    nodes, weights = [], []
    random = np.random.default_rng(12)
    values = random.standard_normal((WIDTH, WIDTH), np.float32) * np.float32((2 / WIDTH) ** 0.5)
    x = "x"
    with data.open("wb") as file:
        for index in range(layers):
            # The same values shifted: new ones would take minutes.
            file.write(np.roll(values, index).data)
            weights.append(weight(f"weight_{index}", data.name, index))
            product = f"product_{index}"
            nodes.append(helper.make_node("MatMul", [x, weights[-1].name], [product]))
            x = "y" if index == layers - 1 else f"relu_{index}"
            nodes.append(helper.make_node("Relu", [product], [x]))
    ends = [
        helper.make_tensor_value_info(name, TensorProto.FLOAT, ["n", WIDTH]) for name in ("x", "y")
    ]
    graph = helper.make_graph(nodes, "large", ends[:1], ends[1:], weights)
    opsets = [helper.make_opsetid("", 17)]
    save(helper.make_model(graph, opset_imports=opsets, ir_version=8), path)


if __name__ == "__main__":
    main()
