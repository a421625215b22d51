"""Makes the models of convert.mjs. usage: convert.py sklearn|tensorflow|onnx2tf|torch FOLDER"""

import os
import sys

os.environ["TF_CPP_MIN_LOG_LEVEL"] = "2"
os.environ["CUDA_VISIBLE_DEVICES"] = "-1"


def sklearn(path):
    import joblib
    import skops.io
    from sklearn.datasets import load_digits, load_iris
    from sklearn.ensemble import RandomForestClassifier
    from sklearn.linear_model import Ridge
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    features, labels = load_iris(return_X_y=True)
    forest = make_pipeline(StandardScaler(), RandomForestClassifier(20, random_state=0))
    forest.fit(features, labels)
    skops.io.dump(forest, path("forest.skops"))
    joblib.dump(forest, path("forest.joblib"))
    names = RandomForestClassifier(5, random_state=0).fit(features, [f"kind {n}" for n in labels])
    joblib.dump(names, path("words.joblib"))
    import numpy
    import pandas
    from sklearn.compose import ColumnTransformer
    from sklearn.impute import SimpleImputer
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import OneHotEncoder, OrdinalEncoder

    random = numpy.random.default_rng(1)
    table = pandas.DataFrame(
        {
            "age of person": random.uniform(18, 80, 200),
            "ignored": 0,
            "town": random.choice(["Aachen", "Bonn", "Z\u00fcrich"], 200),
            "rooms": random.integers(1, 5, 200),
            "income": random.uniform(0, 9, 200),
        }
    )
    by_column = ColumnTransformer(
        [
            ("numbers", make_pipeline(SimpleImputer(), StandardScaler()), ["income", "age of person"]),
            ("towns", OneHotEncoder(), ["town"]),
            ("rooms", OrdinalEncoder(), ["rooms"]),
        ]
    )
    truth = (table["income"] * table["rooms"] > 10) ^ (table["town"] == "Bonn")
    columns = make_pipeline(by_column, LogisticRegression()).fit(table, truth)
    skops.io.dump(columns, path("columns.skops"))
    digits, numbers = load_digits(return_X_y=True)
    skops.io.dump(Ridge().fit(digits, numbers), path("ridge.skops"))


def tensorflow(path):
    import keras
    import numpy
    import tensorflow as tf

    keras.utils.set_random_seed(1)
    layers = keras.layers
    cnn = keras.Sequential(
        [
            keras.Input((8, 8, 1), name="image"),
            layers.Conv2D(8, 3, activation="relu"),
            layers.BatchNormalization(),
            layers.MaxPooling2D(),
            layers.Flatten(),
            layers.Dense(10, activation="softmax", name="digit"),
        ]
    )
    cnn.save(path("cnn.keras"))
    cnn.save(path("cnn.h5"))
    images = tf.random.stateless_uniform((100, 8, 8, 1), [1, 3])
    numpy.savez(path("images.npz"), image=images)
    image, extra = keras.Input((8, 8, 1), name="image"), keras.Input((3,), name="extra")
    joined = layers.Concatenate()([layers.Flatten()(image), extra])
    scores = layers.Dense(5, activation="softmax", name="scores")(joined)
    value = layers.Dense(1, name="value")(joined)
    keras.Model([image, extra], [scores, value]).save(path("two.keras"))
    mobilenet = keras.applications.MobileNetV2(weights=None, input_shape=(96, 96, 3), classes=10)
    for index, layer in enumerate(mobilenet.layers):
        if isinstance(layer, layers.BatchNormalization):
            # As if it had been trained: otherwise all inputs give the same.
            gamma, beta, mean, variance = layer.get_weights()
            noise = tf.random.stateless_uniform
            layer.set_weights(
                [
                    gamma + noise(gamma.shape, [index, 1]) * 0.5,
                    beta + noise(beta.shape, [index, 2]) - 0.5,
                    mean,
                    variance * 0.5,
                ]
            )
    mobilenet.save(path("mobilenet.keras"))

    class TwoSignatures(tf.Module):
        def __init__(self):
            self.weights = tf.Variable(tf.random.stateless_normal((4, 3), [1, 2]))

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="features")])
        def classify(self, features):
            scores = features @ self.weights
            return {"scores": tf.nn.softmax(scores), "classes": tf.argmax(scores, -1)}

        @tf.function(input_signature=[tf.TensorSpec([None, 4], tf.float32, name="features")])
        def embed(self, features):
            return {"embedding": tf.tanh(features @ self.weights)}

        @tf.function(input_signature=[tf.TensorSpec([None], tf.float32, name="values")])
        def unsupported(self, values):
            return {"result": tf.math.igamma(values + 2.0, values + 3.0)}

    module = TwoSignatures()
    signatures = {"serving_default": module.classify, "embed": module.embed}
    tf.saved_model.save(module, path("signatures"), signatures=signatures)
    # Neither TensorFlow Lite nor tf2onnx has Igamma.
    tf.saved_model.save(module, path("igamma"), signatures=module.unsupported)


def onnx2tf(path):
    import numpy
    import onnx
    from onnx import TensorProto, helper, numpy_helper

    random = numpy.random.default_rng(1)
    value = helper.make_tensor_value_info
    real, whole = TensorProto.FLOAT, TensorProto.INT64

    def weights(name, *size):
        return numpy_helper.from_array((0.3 * random.standard_normal(size)).astype("float32"), name)

    def save(name, nodes, inputs, outputs, tensors=(), domain=""):
        graph = helper.make_graph(nodes, "graph", inputs, outputs, tensors)
        opsets = [helper.make_opsetid("", 17)]
        if domain:
            opsets.append(helper.make_opsetid(domain, 1))
        model = helper.make_model(graph, opset_imports=opsets, ir_version=8)
        onnx.checker.check_model(model)
        onnx.save(model, path(name))

    def node(kind, inputs, outputs, **attributes):
        # As PyTorch calls them.
        return helper.make_node(kind, inputs, outputs, name=f"/net/{outputs[0]}/{kind}", **attributes)

    save(
        "cnn.onnx",
        [
            node("Conv", ["image", "w", "b"], ["c"], pads=[1, 1, 1, 1]),
            node("Relu", ["c"], ["features"]),
            node("MaxPool", ["features"], ["p"], kernel_shape=[2, 2], strides=[2, 2]),
            node("Flatten", ["p"], ["f"]),
            node("Gemm", ["f", "w2", "b2"], ["logits"]),
            node("Softmax", ["logits"], ["digit"]),
        ],
        [value("image", real, ["batch", 3, 8, 8])],
        # One is of pictures; its sizes are all the same, which tells nothing of their order.
        [value("digit", real, ["batch", 10]), value("features", real, ["batch", 8, 8, 8])],
        [weights("w", 8, 3, 3, 3), weights("b", 8), weights("w2", 128, 10), weights("b2", 10)],
    )
    save(
        "mlp.onnx",
        [
            node("Concat", ["left", "onnx::right:0"], ["joined"], axis=1),
            node("MatMul", ["joined", "w"], ["a"]),
            node("Tanh", ["a"], ["t"]),
            node("Gemm", ["t", "w2", "b2"], ["/value"]),
            node("Sigmoid", ["t"], ["probability 1"]),
        ],
        [value("left", real, ["batch", 4]), value("onnx::right:0", real, ["batch", 3])],
        [value("probability 1", real, ["batch", 5]), value("/value", real, ["batch", 2])],
        [weights("w", 7, 5), weights("w2", 5, 2), weights("b2", 2)],
    )
    # Three channels and no open batch, where onnx2tf by itself would fetch pictures.
    save(
        "residual.onnx",
        [
            node("Conv", ["input.1", "w"], ["c"], strides=[2, 2], pads=[1, 1, 1, 1]),
            node("Clip", ["c", "zero", "six"], ["stem"]),
            node("Conv", ["stem", "deep"], ["d"], pads=[1, 1, 1, 1], group=8),
            node("HardSwish", ["d"], ["h"]),
            node("Conv", ["h", "point"], ["e"]),
            node("Add", ["e", "stem"], ["sum"]),
            node("GlobalAveragePool", ["sum"], ["g"]),
            node("Flatten", ["g"], ["f"]),
            node("Gemm", ["f", "w2"], ["output"], transB=1),
        ],
        [value("input.1", real, [1, 3, 32, 32])],
        [value("output", real, [1, 10])],
        [
            *(weights("w", 8, 3, 3, 3), weights("deep", 8, 1, 3, 3), weights("point", 8, 8, 1, 1)),
            weights("w2", 10, 8),
            numpy_helper.from_array(numpy.float32(0), "zero"),
            numpy_helper.from_array(numpy.float32(6), "six"),
        ],
    )
    save(
        "attention.onnx",
        [
            node("Gather", ["words", "ids"], ["x"]),
            node("Add", ["x", "extra"], ["y"]),
            node("LayerNormalization", ["y", "scale", "bias"], ["n"], axis=-1),
            *(node("MatMul", ["n", each], [f"n{each}"]) for each in ("q", "k", "v")),
            node("Transpose", ["nk"], ["t"], perm=[0, 2, 1]),
            node("MatMul", ["nq", "t"], ["s"]),
            node("Softmax", ["s"], ["p"], axis=-1),
            node("MatMul", ["p", "nv"], ["o"]),
            node("Add", ["o", "y"], ["states"]),
        ],
        [value("ids", whole, ["batch", "length"]), value("extra", real, ["batch", "length", 16])],
        [value("states", real, ["batch", "length", 16])],
        [
            *(weights("words", 4, 16), weights("scale", 16), weights("bias", 16)),
            *(weights(name, 16, 16) for name in "qkv"),
        ],
    )
    save(
        "det.onnx",
        [node("Det", ["x"], ["d"]), node("Neg", ["d"], ["y"])],
        [value("x", real, [1, 3, 3])],
        [value("y", real, [1])],
    )
    save(
        "own.onnx",
        [node("MyOwn", ["x"], ["y"], domain="example")],
        [value("x", real, [1, 3])],
        [value("y", real, [1, 3])],
        domain="example",
    )


def torch(path):
    import torch

    torch.manual_seed(1)

    class Net(torch.nn.Module):
        def __init__(self):
            super().__init__()
            self.conv = torch.nn.Conv2d(3, 4, 3)
            self.linear = torch.nn.Linear(4, 5)

        def forward(self, image):
            return self.linear(torch.relu(self.conv(image)).mean((2, 3)))

    net, example = Net().eval(), torch.rand(2, 3, 8, 8)
    torch.jit.trace(net, example).save(path("net.pt"))
    torch.save(net.state_dict(), path("weights.pt"))
    if hasattr(torch, "export"):
        batch = ({0: torch.export.Dim("batch")},)
        torch.export.save(torch.export.export(net, (example,), dynamic_shapes=batch), path("net.pt2"))


if __name__ == "__main__":
    kind, folder = sys.argv[1:]
    os.makedirs(folder, exist_ok=True)
    {"sklearn": sklearn, "tensorflow": tensorflow, "onnx2tf": onnx2tf, "torch": torch}[kind](
        lambda name: os.path.join(folder, name)
    )
