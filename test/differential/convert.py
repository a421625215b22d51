"""Makes the models of convert.mjs. usage: convert.py sklearn|tensorflow|torch FOLDER"""

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
    digits, numbers = load_digits(return_X_y=True)
    skops.io.dump(Ridge().fit(digits, numbers), path("ridge.skops"))


def tensorflow(path):
    import keras
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
    {"sklearn": sklearn, "tensorflow": tensorflow, "torch": torch}[kind](
        lambda name: os.path.join(folder, name)
    )
