"""The models that quantising is measured with, and their data.

usage: models.py FOLDER

Writes NAME.onnx for each function of MODELS, and the digits' mlp, cnn and depthwise; beside each
NAME.calibration.npz, 100 samples, NAME.heldout.npz, with `labels` where the model classifies, and
NAME.sample.npz, the first of these.
"""

import sys
from pathlib import Path

import numpy as np
import onnx

from digits import CALIBRATION_IMAGES, CLASSES, SEED, classifier, digits
from digits import MODELS as DIGIT_MODELS
from encoder import bert
from graph import Graph
from training import set_statistics, train

HELDOUT_IMAGES = 200


def enlarged(images, size, channels=1):
    factor = size // images.shape[-1]
    return images.repeat(channels, axis=1).repeat(factor, axis=2).repeat(factor, axis=3)


class Data:
    """The digits as a model wants them; the labels of what is held out."""

    def __init__(self, prepare, name="image"):
        training, heldout, self.labels, heldout_labels = digits()
        self.training = prepare(training)
        self.calibration = {name: self.training[:CALIBRATION_IMAGES]}
        self.heldout = {name: prepare(heldout)[:HELDOUT_IMAGES]}
        self.heldout_labels = heldout_labels[:HELDOUT_IMAGES]


def resnet():
    """32×32, six blocks, trained."""
    data = Data(lambda images: enlarged(images, 32))
    graph = Graph(SEED)
    x = graph.add("Relu", graph.convolution("image", 1, 32))
    x = graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    for inputs, outputs in [(32, 32), (32, 32), (32, 64), (64, 64), (64, 128), (128, 128)]:
        stride = 1 if inputs == outputs else 2
        y = graph.add("Relu", graph.convolution(x, inputs, outputs, stride=stride))
        y = graph.convolution(y, outputs, outputs)
        skip = x if stride == 1 else graph.convolution(x, inputs, outputs, kernel=1, stride=2)
        x = graph.add("Relu", graph.add("Add", y, skip))
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    graph.dense(x, 128, CLASSES, output="scores")
    model = classifier(graph, "resnet", size=32)
    train(model, data.training, data.labels, epochs=3)
    return model, data


# Expansion, outputs, repetitions and first stride of MobileNetV2's blocks: its paper, table 2.
STAGES = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def mobilenet_v2():
    """64×64, trained."""
    data = Data(lambda images: enlarged(images, 64, channels=3))
    graph = Graph(SEED)
    bounds = [graph.constant(np.float32(value), "bound") for value in (0, 6)]

    def activated(*convolution, **attributes):
        return graph.add("Clip", graph.convolution(*convolution, **attributes), *bounds)

    x = activated("image", 3, 32, stride=2)
    inputs = 32
    for expansion, outputs, repetitions, first_stride in STAGES:
        for index in range(repetitions):
            stride = first_stride if index == 0 else 1
            wide = inputs * expansion
            y = x if expansion == 1 else activated(x, inputs, wide, kernel=1)
            y = activated(y, wide, wide, stride=stride, groups=wide)
            is_residual = stride == 1 and inputs == outputs
            # A block begins as little more than its skip: deep networks train sooner so.
            loudness = 0.05 if is_residual else 1
            y = graph.convolution(y, wide, outputs, kernel=1, loudness=loudness)
            x = graph.add("Add", x, y) if is_residual else y
            inputs = outputs
    x = activated(x, inputs, 1280, kernel=1)
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    graph.dense(x, 1280, CLASSES, output="scores")
    model = classifier(graph, "mobilenet_v2", size=64, channels=3)
    train(model, data.training, data.labels, epochs=3)
    set_statistics(model, data.training[-64:])
    return model, data


def unet():
    """64×64 to a mask of the same size; not trained."""
    data = Data(lambda images: enlarged(images, 64))
    data.heldout_labels = None
    graph = Graph(SEED)

    def twice(x, inputs, outputs):
        for channels in (inputs, outputs):
            x = graph.add("Relu", graph.convolution(x, channels, outputs))
        return x

    x, skips = "image", []
    for inputs, outputs in [(1, 16), (16, 32)]:
        x = twice(x, inputs, outputs)
        skips.append(x)
        x = graph.add("MaxPool", x, kernel_shape=[2, 2], strides=[2, 2])
    x = twice(x, 32, 64)
    for inputs, outputs in [(64, 32), (32, 16)]:
        weight = graph.weights(inputs, outputs, 2, 2, fan_in=inputs, gain=1)
        bias = graph.constant(np.zeros(outputs, np.float32), "bias")
        up = graph.add("ConvTranspose", x, weight, bias, kernel_shape=[2, 2], strides=[2, 2])
        x = twice(graph.add("Concat", up, skips.pop(), axis=1), 2 * outputs, outputs)
    weight = graph.weights(1, 16, 1, 1, fan_in=16, gain=1)
    x = graph.add("Conv", x, weight, kernel_shape=[1, 1], strides=[1, 1], pads=[0] * 4)
    graph.add("Sigmoid", x, output="mask")
    dims = ["n", 1, 64, 64]
    model = graph.model({"image": ("float32", dims)}, {"mask": ("float32", dims)}, "unet")
    set_statistics(model, data.training[:32])
    return model, data


class Sentences:
    """Seeded words, the last ones of which are padding."""

    heldout_labels = None

    def __init__(self, words, length):
        random = np.random.default_rng(SEED)

        def some(count):
            lengths = random.integers(length // 2, length + 1, count)
            return {
                "input_ids": random.integers(0, words, (count, length)),
                "attention_mask": (np.arange(length) < lengths[:, None]).astype(np.int64),
                "token_type_ids": np.zeros((count, length), np.int64),
            }

        self.calibration = some(CALIBRATION_IMAGES)
        self.heldout = some(50)


def encoder():
    """BERT's layers, four of them, narrower; not trained."""
    words = 1000
    sizes = {"layers": 4, "width": 256, "heads": 4, "hidden": 1024, "positions": 128}
    # The deviation of 0.02 that BERT starts from.
    gain = sizes["width"] * 0.02**2
    return bert(words=words, gain=gain, **sizes), Sentences(words, 64)


def recurrent(operator, gates):
    """The rows of a digit one after the other, trained."""
    rows, hidden = 16, 128
    data = Data(lambda images: enlarged(images, rows)[:, 0], "rows")
    graph = Graph(SEED)
    x = graph.add("Transpose", "rows", perm=[1, 0, 2])
    weight = graph.weights(1, gates * hidden, rows, fan_in=rows, gain=1)
    recurrence = graph.weights(1, gates * hidden, hidden, fan_in=hidden, gain=0.5)
    bias = graph.constant(np.zeros((1, 2 * gates * hidden), np.float32), "bias")
    # A GRU as PyTorch computes it.
    kind = {"linear_before_reset": 1} if operator == "GRU" else {}
    x = graph.add(operator, x, weight, recurrence, bias, hidden_size=hidden, **kind)
    x = graph.add("ReduceMean", x, axes=[0, 1], keepdims=0)
    graph.dense(x, hidden, CLASSES, output="scores")
    model = graph.model(
        {"rows": ("float32", ["n", rows, rows])}, {"scores": ("float32", ["n", CLASSES])}, operator
    )
    train(model, data.training, data.labels, epochs=8)
    return model, data


def lstm():
    return recurrent("LSTM", 4)


def gru():
    return recurrent("GRU", 3)


MODELS = (resnet, mobilenet_v2, unet, encoder, lstm, gru)


def small(build):
    return build(), Data(lambda images: images)


def write(folder, name, model, data):
    onnx.save(model, folder / f"{name}.onnx")
    np.savez_compressed(folder / f"{name}.calibration.npz", **data.calibration)
    labels = {} if data.heldout_labels is None else {"labels": data.heldout_labels}
    heldout = {**data.heldout, **labels}
    np.savez_compressed(folder / f"{name}.heldout.npz", **heldout)
    first = {array: values[:1] for array, values in heldout.items()}
    np.savez_compressed(folder / f"{name}.sample.npz", **first)
    print(name, flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    for build in DIGIT_MODELS:
        write(folder, build.__name__, *small(build))
    for build in MODELS:
        write(folder, build.__name__, *build())


if __name__ == "__main__":
    main()
