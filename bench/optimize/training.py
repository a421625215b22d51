"""Trains the weights of an ONNX classifier: TensorFlow runs the graph's operators one by one."""

import os

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from onnx import helper

from graph import constants_of, set_constants


def _channels_last(x):
    return tf.transpose(x, [0, 2, 3, 1])


def _channels_first(x):
    return tf.transpose(x, [0, 3, 1, 2])


def _conv(attributes, x, weight):
    stride = attributes["strides"][0]
    top, left, bottom, right = attributes["pads"]
    x = tf.pad(_channels_last(x), [[0, 0], [top, bottom], [left, right], [0, 0]])
    if attributes.get("group", 1) == 1:
        y = tf.nn.conv2d(x, tf.transpose(weight, [2, 3, 1, 0]), stride, "VALID")
    else:
        filters = tf.transpose(weight, [2, 3, 0, 1])
        y = tf.nn.depthwise_conv2d(x, filters, [1, stride, stride, 1], "VALID")
    return _channels_first(y)


def _gemm(attributes, x, weight, bias):
    return tf.matmul(x, weight, transpose_b=attributes.get("transB", 0) == 1) + bias


def _max_pool(attributes, x):
    kernel, stride = attributes["kernel_shape"], attributes["strides"]
    return _channels_first(tf.nn.max_pool2d(_channels_last(x), kernel, stride, "VALID"))


def _conv_transpose(attributes, x, weight, bias):
    """Of a kernel that is as large as its stride."""
    stride = attributes["strides"][0]
    x = _channels_last(x)
    batch, height, width = (tf.shape(x)[axis] for axis in range(3))
    size = [batch, height * stride, width * stride, weight.shape[1]]
    y = tf.nn.conv2d_transpose(x, tf.transpose(weight, [2, 3, 1, 0]), size, stride, "VALID")
    return _channels_first(y + bias)


def _gates(parts, x, hidden, weight, recurrence, bias):
    """Input's and state's share of each gate, biases included."""
    input_bias, state_bias = tf.split(bias, 2)
    of_input = tf.matmul(x, weight, transpose_b=True) + input_bias
    of_state = tf.matmul(hidden, recurrence, transpose_b=True) + state_bias
    return tf.split(of_input, parts, axis=-1), tf.split(of_state, parts, axis=-1)


def _recurrent(attributes, x, state_of):
    """Runs along the first axis; the output is [steps, directions, batch, hidden]."""
    zeros = tf.zeros([tf.shape(x)[1], attributes["hidden_size"]])
    state, hiddens = (zeros, zeros), []
    for step in range(x.shape[0]):
        state = state_of(x[step], state)
        hiddens.append(state[0])
    return tf.stack(hiddens)[:, None]


def _lstm(attributes, x, *weights):
    own = [weight[0] for weight in weights]

    def state_of(at, state):
        hidden, cell = state
        shares = _gates(4, at, hidden, *own)
        entry, output, forget, candidate = (a + b for a, b in zip(*shares))
        cell = tf.sigmoid(forget) * cell + tf.sigmoid(entry) * tf.tanh(candidate)
        return tf.sigmoid(output) * tf.tanh(cell), cell

    return _recurrent(attributes, x, state_of)


def _gru(attributes, x, *weights):
    """With linear_before_reset."""
    own = [weight[0] for weight in weights]

    def state_of(at, state):
        hidden, unused = state
        (z, r, h), (z_state, r_state, h_state) = _gates(3, at, hidden, *own)
        update, reset = tf.sigmoid(z + z_state), tf.sigmoid(r + r_state)
        candidate = tf.tanh(h + reset * h_state)
        return (1 - update) * candidate + update * hidden, unused

    return _recurrent(attributes, x, state_of)


OPERATORS = {
    "Add": lambda _, a, b: a + b,
    "Clip": lambda _, x, low, high: tf.clip_by_value(x, low, high),
    "Concat": lambda attributes, *parts: tf.concat(parts, attributes["axis"]),
    "Conv": _conv,
    "ConvTranspose": _conv_transpose,
    "Flatten": lambda _, x: tf.reshape(x, [tf.shape(x)[0], np.prod(x.shape[1:])]),
    "Gemm": _gemm,
    "GRU": _gru,
    "GlobalAveragePool": lambda _, x: tf.reduce_mean(x, [2, 3], keepdims=True),
    "LSTM": _lstm,
    "MaxPool": _max_pool,
    "ReduceMean": lambda attributes, x: tf.reduce_mean(x, attributes["axes"]),
    "Relu": lambda _, x: tf.nn.relu(x),
    "Sigmoid": lambda _, x: tf.sigmoid(x),
    "Transpose": lambda attributes, x: tf.transpose(x, attributes["perm"]),
}


def _normalise(epsilon, x, gamma, beta, mean, variance):
    def along_channels(values):
        return tf.reshape(values, [1, -1] + [1] * (len(x.shape) - 2))

    scale = gamma * tf.math.rsqrt(variance + epsilon)
    return x * along_channels(scale) + along_channels(beta - mean * scale)


def forward(model, constants, image, by_batch=False):
    """
    The value of every tensor, and the batch's statistics by the names of those of the model.

    `by_batch`: normalise with the batch's statistics instead of the model's.
    """
    values = {**constants, model.graph.input[0].name: image}
    statistics = {}
    for node in model.graph.node:
        attributes = {a.name: helper.get_attribute_value(a) for a in node.attribute}
        inputs = [values[name] for name in node.input]
        if node.op_type == "BatchNormalization":
            if by_batch:
                x = inputs[0]
                moments = tf.nn.moments(x, [axis for axis in range(len(x.shape)) if axis != 1])
                statistics.update(zip(node.input[3:5], moments))
                inputs[3:5] = moments
            result = _normalise(attributes["epsilon"], *inputs)
        else:
            result = OPERATORS[node.op_type](attributes, *inputs)
        values[node.output[0]] = result
    return values, statistics


def _statistics_names(model):
    nodes = [node for node in model.graph.node if node.op_type == "BatchNormalization"]
    return {name for node in nodes for name in node.input[3:5]}


def train(model, images, labels, epochs, batch=32, rate=3e-3, seed=0):
    """Adam on the cross entropy of the model's only output; the rate falls along a cosine."""
    constants = {name: tf.Variable(value) for name, value in constants_of(model).items()}
    fixed = _statistics_names(model)
    trained = [constants[name] for name in constants if name not in fixed]
    output = model.graph.output[0].name
    steps = epochs * (len(images) // batch)
    adam = tf.keras.optimizers.Adam(tf.keras.optimizers.schedules.CosineDecay(rate, steps))

    @tf.function
    def step(x, y):
        with tf.GradientTape() as tape:
            values, statistics = forward(model, constants, x, by_batch=True)
            losses = tf.nn.sparse_softmax_cross_entropy_with_logits(y, values[output])
            loss = tf.reduce_mean(losses)
        adam.apply_gradients(
            (gradient, variable)
            for gradient, variable in zip(tape.gradient(loss, trained), trained)
            if gradient is not None
        )
        for name, value in statistics.items():
            constants[name].assign(0.9 * constants[name] + 0.1 * value)

    random = np.random.default_rng(seed)
    for _ in range(epochs):
        order = random.permutation(len(images))
        for start in range(0, len(images) - batch + 1, batch):
            chosen = order[start : start + batch]
            step(images[chosen], labels[chosen])
    set_constants(model, {name: variable.numpy() for name, variable in constants.items()})


def set_statistics(model, images):
    """Gives batch normalisations the statistics of these images, as training would have."""
    constants = {name: tf.constant(value) for name, value in constants_of(model).items()}
    _, statistics = forward(model, constants, tf.constant(images), by_batch=True)
    set_constants(model, {name: value.numpy() for name, value in statistics.items()})
