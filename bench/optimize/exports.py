"""Graphs in the shape in which exporters write them, with all that a simplifier is to remove.

usage: exports.py FOLDER

Writes NAME.onnx and NAME.npz, a sample of its inputs, for each function of EXPORTS. The weights are
few and seeded: what matters is the graph.
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from onnx import TensorProto, helper, numpy_helper

from encoder import bert, scaled_attention
from graph import Graph

SEED = 12


def resnet():
    """Batch normalisations left in; parameters that are equal are shared through Identity."""
    graph = Graph(SEED)
    shared = {}

    def normalise(x, channels):
        """An untrained network's: all scales are ones and all shifts zeros."""
        if channels not in shared:
            normal = graph.random.normal(0, 0.1, channels).astype(np.float32)
            ones, zeros = np.ones(channels, np.float32), np.zeros(channels, np.float32)
            values = (ones, zeros, normal, ones)
            names = ("gamma", "beta", "mean", "variance")
            shared[channels] = [graph.constant(v, name) for v, name in zip(values, names)]
            parameters = shared[channels]
        else:
            parameters = [graph.add("Identity", name) for name in shared[channels][:2]]
            parameters += shared[channels][2:]
        return graph.add("BatchNormalization", x, *parameters, epsilon=1e-5)

    def convolution(x, inputs, outputs, kernel=3, stride=1):
        weight = graph.weights(outputs, inputs, kernel, kernel, fan_in=inputs * kernel**2)
        pads = [kernel // 2] * 4
        size, strides = [kernel] * 2, [stride] * 2
        y = graph.add("Conv", x, weight, kernel_shape=size, pads=pads, strides=strides)
        return normalise(y, outputs)

    x = graph.add("Relu", convolution("image", 3, 8))
    x = graph.add("MaxPool", x, kernel_shape=[3, 3], strides=[2, 2], pads=[1] * 4)
    for inputs, outputs in [(8, 8), (8, 16), (16, 16)]:
        stride = 1 if inputs == outputs else 2
        y = graph.add("Relu", convolution(x, inputs, outputs, stride=stride))
        y = convolution(y, outputs, outputs)
        if stride == 2:
            x = convolution(x, inputs, outputs, kernel=1, stride=2)
        x = graph.add("Relu", graph.add("Add", y, graph.add("Identity", x)))
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    # Dropout is an Identity when it is not trained.
    x = graph.add("Identity", x)
    graph.dense(x, 16, 10, output="scores")
    return graph.model(
        {"image": ("float32", ["n", 3, 32, 32])}, {"scores": ("float32", ["n", 10])}, "resnet"
    )


def detector():
    """A pyramid that upsamples to sizes it works out, and heads with grids made from shapes."""
    graph = Graph(SEED)
    add, literal = graph.add, graph.literal
    anchors, fields = 3, 7

    def convolution(x, inputs, outputs, kernel=3, stride=1, is_active=True):
        fan_in = inputs * kernel**2
        weight = graph.weights(outputs, inputs, kernel, kernel, fan_in=fan_in)
        bias = graph.constant(graph.random.normal(0, 0.1, outputs).astype(np.float32), "bias")
        pads, strides = [kernel // 2] * 4, [stride] * 2
        y = add("Conv", x, weight, bias, kernel_shape=[kernel] * 2, pads=pads, strides=strides)
        return add("Mul", y, add("Sigmoid", y)) if is_active else y

    def upsample(x):
        """As nn.Upsample(scale_factor=2) is traced."""
        sizes = []
        for axis in (2, 3):
            size = add("Cast", graph.dimension(x, axis), to=TensorProto.FLOAT)
            scaled = add("Floor", add("Mul", size, literal(np.float32(2))))
            scaled = add("Cast", scaled, to=TensorProto.INT64)
            sizes.append(add("Unsqueeze", scaled, literal([0])))
        front = add("Slice", add("Shape", x), literal([0]), literal([2]), literal([0]))
        target = add("Concat", front, *sizes, axis=0)
        attributes = {"mode": "nearest", "nearest_mode": "floor"}
        attributes["coordinate_transformation_mode"] = "asymmetric"
        return add("Resize", x, "", "", target, **attributes)

    def head(x, channels, stride):
        x = convolution(x, channels, anchors * fields, kernel=1, is_active=False)
        batch, height, width = (graph.dimension(x, axis) for axis in (0, 2, 3))
        dims = graph.joined(batch, literal(anchors), literal(fields), height, width)
        x = add("Transpose", add("Reshape", x, dims), perm=[0, 1, 3, 4, 2])
        x = add("Sigmoid", x)
        axes = [add("Range", literal(0), size, literal(1)) for size in (height, width)]
        square = graph.joined(height, width)
        rows = add("Expand", add("Unsqueeze", axes[0], literal([1])), square)
        columns = add("Expand", add("Unsqueeze", axes[1], literal([0])), square)
        stacked = [add("Unsqueeze", axis, literal([2])) for axis in (columns, rows)]
        grid = add("Cast", add("Concat", *stacked, axis=2), to=TensorProto.FLOAT)
        dims = graph.joined(literal(1), literal(1), height, width, literal(2))
        grid = add("Reshape", grid, dims)

        def part(start, end):
            return add("Slice", x, literal([start]), literal([end]), literal([4]), literal([1]))

        centre = add("Mul", part(0, 2), literal(np.float32(2)))
        centre = add("Sub", centre, literal(np.float32(0.5)))
        centre = add("Mul", add("Add", centre, grid), literal(np.float32(stride)))
        size = add("Pow", add("Mul", part(2, 4), literal(np.float32(2))), literal(np.float32(2)))
        sizes = graph.constant(
            graph.random.uniform(1, 4, (1, anchors, 1, 1, 2)).astype(np.float32), "anchors"
        )
        boxes = add("Concat", centre, add("Mul", size, sizes), part(4, fields), axis=4)
        dims = graph.joined(batch, literal(-1), literal(fields))
        return add("Reshape", boxes, dims)

    x = convolution("image", 3, 8, stride=2)
    fine = convolution(x, 8, 8, stride=2)
    coarse = convolution(fine, 8, 16, stride=2)
    merged = add("Concat", upsample(convolution(coarse, 16, 8, kernel=1)), fine, axis=1)
    fine = convolution(merged, 16, 8)
    add("Concat", head(fine, 8, 4), head(coarse, 16, 8), axis=1, output="boxes")
    return graph.model(
        {"image": ("float32", [1, 3, 64, 64])}, {"boxes": ("float32", [1, 960, fields])}, "detector"
    )


def nhwc():
    """As TensorFlow's converters write it: every operator of an image between two transposes."""
    graph = Graph(SEED)
    add, literal = graph.add, graph.literal

    def between(operator, x, *inputs, **attributes):
        y = add(operator, add("Transpose", x, perm=[0, 3, 1, 2]), *inputs, **attributes)
        return add("Transpose", y, perm=[0, 2, 3, 1])

    def convolution(x, inputs, outputs, stride=1):
        weight = graph.weights(outputs, inputs, 3, 3, fan_in=inputs * 9)
        bias = graph.constant(graph.random.normal(0, 0.1, outputs).astype(np.float32), "bias")
        if stride == 2:
            pads = graph.constant(np.array([0, 0, 0, 0, 0, 1, 1, 0]), "pads")
            x = add("Pad", x, pads, graph.constant(np.float32(0), "zero"))
        padding = "VALID" if stride == 2 else "SAME_UPPER"
        y = between("Conv", x, weight, auto_pad=padding, strides=[stride] * 2, kernel_shape=[3, 3])
        return add("Relu", add("Add", y, bias))

    x = convolution("image", 3, 8, stride=2)
    x = convolution(x, 8, 8)
    x = between("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    skip = convolution(x, 8, 16)
    x = convolution(skip, 16, 16)
    x = add("Relu", add("Add", convolution(x, 16, 16), skip))
    x = add("ReduceMean", x, axes=[1, 2], keepdims=0)
    weight = graph.weights(16, 10, fan_in=16)
    bias = graph.constant(graph.random.normal(0, 0.1, 10).astype(np.float32), "bias")
    x = add("Add", add("MatMul", x, weight), bias)
    add("Softmax", x, axis=-1, output="probabilities")
    return graph.model(
        {"image": ("float32", ["n", 32, 32, 3])},
        {"probabilities": ("float32", ["n", 10])},
        "nhwc",
    )


def lstm_if():
    """Two layers whose state's shape is worked out, and a squeeze that became an If."""
    graph = Graph(SEED)
    add, literal = graph.add, graph.literal
    steps, batch, inputs, hidden, layers = 12, 1, 8, 16, 2
    x = add("Transpose", "sequence", perm=[1, 0, 2])
    states = []
    for _ in ("hidden", "cell"):
        dims = graph.joined(literal(layers), graph.dimension("sequence", 0), literal(hidden))
        states.append(add("ConstantOfShape", dims))
    for layer in range(layers):
        width = inputs if layer == 0 else hidden
        weight = graph.weights(1, 4 * hidden, width, fan_in=width, gain=1)
        recurrent = graph.weights(1, 4 * hidden, hidden, fan_in=hidden, gain=1)
        bias = graph.constant(graph.random.normal(0, 0.1, (1, 8 * hidden)).astype(np.float32))
        part = (literal([layer]), literal([layer + 1]), literal([0]))
        own = [add("Slice", state, *part) for state in states]
        y = add("LSTM", x, weight, recurrent, bias, "", *own, hidden_size=hidden)
        x = add("Squeeze", y, literal([1]))
    x = add("Transpose", x, perm=[1, 0, 2])
    last = add("Sub", graph.dimension(x, 1), literal(1))
    last = add("Unsqueeze", last, literal([0]))
    x = add("Gather", x, last, axis=1)
    # squeeze(1) of an axis that tracing could not be sure of.
    is_one = add("Equal", graph.dimension(x, 1), literal(1))

    def branch(name, operator, *inputs, constants=()):
        output = helper.make_tensor_value_info(name, TensorProto.FLOAT, None)
        node = helper.make_node(operator, inputs, [name])
        return helper.make_graph([*constants, node], name, [], [output])

    axes = numpy_helper.from_array(np.array([1]), "axes")
    constant = helper.make_node("Constant", [], ["axes"], value=axes)
    x = add(
        "If",
        is_one,
        then_branch=branch("squeezed", "Squeeze", x, "axes", constants=[constant]),
        else_branch=branch("as_it_is", "Identity", x),
    )
    graph.dense(x, hidden, 10, output="scores")
    return graph.model(
        {"sequence": ("float32", [batch, steps, inputs])},
        {"scores": ("float32", [batch, 10])},
        "lstm_if",
        full_check=False,
    )


def attention():
    """Scaled dot-product attention, two layers, as tracing writes it for dynamic dims."""
    return scaled_attention(layers=2, width=32, heads=4, hidden=64)


def encoder():
    """BERT, two layers."""
    return bert(layers=2, width=32, heads=4, hidden=64, words=64, positions=32)


EXPORTS = (resnet, detector, nhwc, lstm_if, attention, encoder)
DYNAMIC = {"n": 2, "batch": 2, "sequence": 7}


def sample(model):
    """Values for each input: indices stay small, masks are mostly ones."""
    random = np.random.default_rng(SEED)
    feeds = {}
    for value in model.graph.input:
        tensor = value.type.tensor_type
        dims = [DYNAMIC.get(dim.dim_param, dim.dim_value) for dim in tensor.shape.dim]
        if tensor.elem_type == TensorProto.FLOAT:
            feeds[value.name] = random.normal(0, 1, dims).astype(np.float32)
        elif value.name == "attention_mask":
            feeds[value.name] = (np.arange(dims[1]) < dims[1] - 2).astype(np.int64)[None].repeat(
                dims[0], axis=0
            )
        else:
            high = 2 if value.name == "token_type_ids" else 32
            feeds[value.name] = random.integers(0, high, dims)
    return feeds


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for build in EXPORTS:
        model = build()
        onnx.save(model, folder / f"{build.__name__}.onnx")
        np.savez_compressed(folder / f"{build.__name__}.npz", **sample(model))
        print(f"{build.__name__}: {len(model.graph.node)} nodes")


if __name__ == "__main__":
    main()
