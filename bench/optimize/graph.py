"""A short way to build ONNX graphs with seeded weights."""

import numpy as np
from onnx import TensorProto, checker, helper, numpy_helper

OPSET = 17
TYPES = {"float32": TensorProto.FLOAT, "int64": TensorProto.INT64, "bool": TensorProto.BOOL}


class Graph:
    """Nodes and constants in the order in which they were added; names are given by counting."""

    def __init__(self, seed=0):
        self.random = np.random.default_rng(seed)
        self.nodes = []
        self.constants = {}

    def constant(self, values, name="constant"):
        """Adds an initialiser and gives its name."""
        unique = f"{name}_{len(self.constants)}"
        self.constants[unique] = np.asarray(values)
        return unique

    def add(self, operator, *inputs, output=None, **attributes):
        """Adds a node with one output and gives the output's name."""
        output = output or f"{operator}_{len(self.nodes)}"
        self.nodes.append(helper.make_node(operator, inputs, [output], name=output, **attributes))
        return output

    def literal(self, value):
        """A Constant node, as tracing exporters write a number of the program; int64 by default."""
        array = np.asarray(value)
        return self.add("Constant", value=numpy_helper.from_array(array))

    def dimension(self, x, axis):
        """The size of an axis, a scalar, as it is traced."""
        return self.add("Gather", self.add("Shape", x), self.literal(axis), axis=0)

    def joined(self, *scalars):
        """Scalars as a one-dimensional tensor."""
        parts = [self.add("Unsqueeze", scalar, self.literal([0])) for scalar in scalars]
        return self.add("Concat", *parts, axis=0)

    def weights(self, *dims, fan_in, gain=2.0, name="weight"):
        """Normally distributed; with a gain of 2 a layer before a Relu keeps the variance."""
        values = self.random.normal(0, np.sqrt(gain / fan_in), dims)
        return self.constant(values.astype(np.float32), name)

    def convolution(self, x, inputs, outputs, kernel=3, stride=1, groups=1, loudness=1):
        """A convolution without bias, padded to keep the size, and its batch normalisation."""
        pad = kernel // 2
        fan_in = inputs // groups * kernel**2
        weight = self.weights(outputs, inputs // groups, kernel, kernel, fan_in=fan_in)
        y = self.add(
            "Conv",
            x,
            weight,
            kernel_shape=[kernel] * 2,
            strides=[stride] * 2,
            pads=[pad] * 4,
            group=groups,
        )
        return self.batch_normalization(y, outputs, loudness)

    def batch_normalization(self, x, channels, loudness=1):
        """Scales and shifts spread as in trained networks; the statistics are set later."""
        parameters = {
            "gamma": loudness * self.random.uniform(0.7, 1.3, channels),
            "beta": self.random.normal(0, 0.2, channels),
            "mean": np.zeros(channels),
            "variance": np.ones(channels),
        }
        names = [self.constant(v.astype(np.float32), name) for name, v in parameters.items()]
        return self.add("BatchNormalization", x, *names, epsilon=1e-5)

    def dense(self, x, inputs, outputs, output=None):
        weight = self.weights(outputs, inputs, fan_in=inputs)
        bias = self.constant(np.zeros(outputs, np.float32), "bias")
        return self.add("Gemm", x, weight, bias, transB=1, output=output)

    def model(self, inputs, outputs, name="graph", opset=OPSET, full_check=True):
        """`inputs` and `outputs`: (type, dims) by name."""

        def values(described):
            return [
                helper.make_tensor_value_info(name, TYPES[type], dims)
                for name, (type, dims) in described.items()
            ]

        initializers = [numpy_helper.from_array(v, name) for name, v in self.constants.items()]
        graph = helper.make_graph(self.nodes, name, values(inputs), values(outputs), initializers)
        opsets = [helper.make_opsetid("", opset)]
        model = helper.make_model(
            graph, opset_imports=opsets, ir_version=8, producer_name="onlite-bench"
        )
        checker.check_model(model, full_check=full_check)
        return model


def constants_of(model):
    return {tensor.name: numpy_helper.to_array(tensor) for tensor in model.graph.initializer}


def set_constants(model, values):
    """Replaces the values of initialisers by name."""
    for tensor in model.graph.initializer:
        if tensor.name in values:
            array = np.asarray(values[tensor.name], np.float32)
            tensor.CopyFrom(numpy_helper.from_array(array, tensor.name))
