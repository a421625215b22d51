"""Transformer encoders with dynamic batch and sequence, in the shape of PyTorch's exports."""

import numpy as np
from onnx import TensorProto

from graph import Graph

SEED = 12
MASKED = -1e4


class Encoder(Graph):
    """`x` is always [batch, sequence, width]; `gain` is that of the projections' weights."""

    def __init__(self, width, heads, gain=1):
        super().__init__(SEED)
        self.gain = gain
        self.width = width
        self.heads = heads

    def project(self, x, inputs, outputs):
        weight = self.weights(inputs, outputs, fan_in=inputs, gain=self.gain)
        bias = self.constant(self.random.normal(0, 0.1, outputs).astype(np.float32), "bias")
        return self.add("Add", bias, self.add("MatMul", x, weight))

    def layer_norm(self, x, output=None):
        """In parts, as it is traced below opset 17."""
        gamma = self.random.uniform(0.7, 1.3, self.width).astype(np.float32)
        beta = self.random.normal(0, 0.1, self.width).astype(np.float32)
        difference = self.add("Sub", x, self.add("ReduceMean", x, axes=[-1]))
        square = self.add("Pow", difference, self.literal(np.float32(2)))
        variance = self.add("ReduceMean", square, axes=[-1])
        deviation = self.add("Sqrt", self.add("Add", variance, self.literal(np.float32(1e-12))))
        normal = self.add("Div", difference, deviation)
        scaled = self.add("Mul", normal, self.constant(gamma, "gamma"))
        return self.add("Add", scaled, self.constant(beta, "beta"), output=output)

    def gelu(self, x):
        half = self.add("Div", x, self.literal(np.float32(np.sqrt(2))))
        erf = self.add("Add", self.add("Erf", half), self.literal(np.float32(1)))
        return self.add("Mul", self.add("Mul", x, erf), self.literal(np.float32(0.5)))

    def split_heads(self, x, perm):
        batch, sequence = (self.dimension(x, axis) for axis in (0, 1))
        each = self.width // self.heads
        dims = self.joined(batch, sequence, self.literal(self.heads), self.literal(each))
        return self.add("Transpose", self.add("Reshape", x, dims), perm=perm)

    def join_heads(self, x):
        x = self.add("Transpose", x, perm=[0, 2, 1, 3])
        batch, sequence = (self.dimension(x, axis) for axis in (0, 1))
        return self.add("Reshape", x, self.joined(batch, sequence, self.literal(self.width)))

    def attend(self, x, mask, scale):
        """`scale` scales query and key; `mask` is added to the scores."""
        query, key, value = (self.project(x, self.width, self.width) for _ in range(3))
        query = self.split_heads(query, [0, 2, 1, 3])
        key = self.split_heads(key, [0, 2, 3, 1])
        value = self.split_heads(value, [0, 2, 1, 3])
        scores = self.add("Add", scale(query, key), mask)
        mixed = self.add("MatMul", self.add("Softmax", scores, axis=-1), value)
        return self.project(self.join_heads(mixed), self.width, self.width)


def bert(layers, width, heads, hidden, words, positions, gain=1):
    """input_ids, attention_mask, token_type_ids [batch, sequence] → [batch, sequence, width]."""
    graph = Encoder(width, heads, gain)
    add, literal = graph.add, graph.literal

    def table(rows, name):
        values = graph.random.normal(0, 1, (rows, width)).astype(np.float32)
        return graph.constant(values, name)

    mask = add("Unsqueeze", add("Unsqueeze", "attention_mask", literal([1])), literal([2]))
    mask = add("Cast", mask, to=TensorProto.FLOAT)
    mask = add("Mul", add("Sub", literal(np.float32(1)), mask), literal(np.float32(MASKED)))

    length = add("Unsqueeze", graph.dimension("input_ids", 1), literal([0]))
    ids = graph.constant(np.arange(positions)[None], "position_ids")
    ids = add("Slice", ids, literal([0]), length, literal([1]), literal([1]))
    word = add("Gather", table(words, "words"), "input_ids")
    x = add("Add", word, add("Gather", table(2, "types"), "token_type_ids"))
    x = graph.layer_norm(add("Add", x, add("Gather", table(positions, "positions"), ids)))

    def scale(query, key):
        each = literal(np.float32(np.sqrt(width // heads)))
        return add("Div", add("MatMul", query, key), each)

    for layer in range(layers):
        x = graph.layer_norm(add("Add", graph.attend(x, mask, scale), x))
        y = graph.project(graph.gelu(graph.project(x, width, hidden)), hidden, width)
        is_last = layer == layers - 1
        x = graph.layer_norm(add("Add", y, x), output="last_hidden_state" if is_last else None)
    dims = ["batch", "sequence"]
    return graph.model(
        {name: ("int64", dims) for name in ("input_ids", "attention_mask", "token_type_ids")},
        {"last_hidden_state": ("float32", [*dims, width])},
        "bert",
    )


def scaled_attention(layers, width, heads, hidden):
    """x [batch, sequence, width] → y; the scale comes from a shape and goes to query and key."""
    graph = Encoder(width, heads)
    add, literal = graph.add, graph.literal

    def scale(query, key):
        """As scaled_dot_product_attention is traced."""
        size = graph.dimension(query, 3)
        root = add("Sqrt", add("Cast", size, to=TensorProto.FLOAT))
        inverse = add("Div", literal(np.float32(1)), root)
        halves = [add("Sqrt", inverse) for _ in range(2)]
        return add("MatMul", add("Mul", query, halves[0]), add("Mul", key, halves[1]))

    def causal_mask(x):
        """−∞ above the diagonal."""
        length = graph.dimension(x, 1)
        square = graph.joined(length, length)
        ones = add("Expand", literal(np.float32(1)), square)
        above = add("Trilu", ones, literal(1), upper=1)
        is_above = add("Cast", above, to=TensorProto.BOOL)
        return add("Where", is_above, literal(np.float32(MASKED)), literal(np.float32(0)))

    x = "x"
    for layer in range(layers):
        y = graph.attend(graph.layer_norm(x), causal_mask(x), scale)
        x = add("Add", x, y)
        y = graph.project(graph.layer_norm(x), width, hidden)
        y = graph.project(add("Relu", y), hidden, width)
        x = add("Add", x, y, output="y" if layer == layers - 1 else None)
    dims = ["batch", "sequence", width]
    return graph.model({"x": ("float32", dims)}, {"y": ("float32", dims)}, "attention")
