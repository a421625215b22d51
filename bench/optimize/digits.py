"""scikit-learn's handwritten digits, and small networks that are trained on them.

usage: digits.py FOLDER

Writes {mlp,cnn,depthwise}.onnx, calibration.npz (`image`) and heldout.npz (`image`, `labels`).
"""

import sys
from pathlib import Path

import numpy as np
import onnx
from sklearn.datasets import load_digits
from sklearn.model_selection import train_test_split

from graph import Graph, constants_of, set_constants
from training import forward, train

SEED = 12
CALIBRATION_IMAGES = 100
CLASSES = 10
# How far apart the ranges of a layer's channels are made: the greatest to the least.
UNEVENNESS = 144


def digits():
    """(training images, held-out images, training labels, held-out labels); images [n, 1, 8, 8]."""
    data = load_digits()
    images = (data.images / 16).astype(np.float32).reshape(-1, 1, 8, 8)
    labels = data.target.astype(np.int64)
    return train_test_split(images, labels, test_size=1 / 3, random_state=SEED, stratify=labels)


def classifier(graph, name, size=8, channels=1):
    return graph.model(
        {"image": ("float32", ["n", channels, size, size])},
        {"scores": ("float32", ["n", CLASSES])},
        name,
    )


def trained(graph, name, epochs):
    model = classifier(graph, name)
    images, _, labels, _ = digits()
    train(model, images, labels, epochs)
    return model


def mlp():
    graph = Graph(SEED)
    x = graph.add("Flatten", "image")
    for inputs, outputs in [(64, 128), (128, 64)]:
        x = graph.add("Relu", graph.dense(x, inputs, outputs))
    graph.dense(x, 64, CLASSES, output="scores")
    return trained(graph, "digits_mlp", epochs=20)


def cnn():
    graph = Graph(SEED)
    x = "image"
    for inputs, outputs, stride in [(1, 16, 1), (16, 32, 2), (32, 32, 1)]:
        x = graph.add("Relu", graph.convolution(x, inputs, outputs, stride=stride))
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    graph.dense(x, 32, CLASSES, output="scores")
    return trained(graph, "digits_cnn", epochs=12)


def depthwise():
    graph = Graph(SEED)
    x = graph.add("Relu", graph.convolution("image", 1, 16))
    for inputs, outputs, stride in [(16, 32, 2), (32, 32, 1)]:
        x = graph.add("Relu", graph.convolution(x, inputs, inputs, stride=stride, groups=inputs))
        x = graph.add("Relu", graph.convolution(x, inputs, outputs, kernel=1))
    x = graph.add("Flatten", graph.add("GlobalAveragePool", x))
    graph.dense(x, 32, CLASSES, output="scores")
    model = trained(graph, "digits_depthwise", epochs=10)
    make_uneven(model)
    return model


def make_uneven(model):
    """
    Makes an eighth of the channels between convolutions louder than the others, and the next
    weights smaller by as much. The float function stays (Relu is positively homogeneous), but no
    single scale serves all channels any more.
    """
    random = np.random.default_rng(SEED)
    constants = constants_of(model)
    nodes = list(model.graph.node)
    changed = {}
    for index, normalisation in enumerate(nodes):
        if normalisation.op_type != "BatchNormalization" or nodes[index + 2].op_type != "Conv":
            continue
        _, gamma, beta, *_ = normalisation.input
        weight = nodes[index + 2].input[1]
        channels = len(constants[gamma])
        is_loud = random.permutation(channels) < channels // 8
        factors = np.where(is_loud, np.sqrt(UNEVENNESS), 1 / np.sqrt(UNEVENNESS))
        for name in (gamma, beta):
            changed[name] = constants[name] * factors
        is_depthwise = constants[weight].shape[1] == 1
        shape = (channels, 1, 1, 1) if is_depthwise else (1, channels, 1, 1)
        changed[weight] = changed.get(weight, constants[weight]) / factors.reshape(shape)
    set_constants(model, changed)


MODELS = (mlp, cnn, depthwise)


def accuracy(model, images, labels):
    values, _ = forward(model, constants_of(model), images)
    scores = values[model.graph.output[0].name].numpy()
    return float((scores.argmax(axis=1) == labels).mean())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    images, heldout, _, labels = digits()
    np.savez_compressed(folder / "calibration.npz", image=images[:CALIBRATION_IMAGES])
    np.savez_compressed(folder / "heldout.npz", image=heldout, labels=labels)
    for build in MODELS:
        model = build()
        onnx.save(model, folder / f"{build.__name__}.onnx")
        print(f"{build.__name__}: {accuracy(model, heldout, labels):.4f}", flush=True)


if __name__ == "__main__":
    main()
