"""Writes the float TensorFlow Lite models that quantising is measured with.

usage: tflite_models.py FOLDER

For each: NAME.tflite; NAME-tensorflow-static.tflite and NAME-tensorflow-dynamic.tflite, what
TensorFlow's own converter quantises; and NAME.calibration.npz, NAME.heldout.npz and NAME.sample.npz
with all samples along the first axis. Not trained; the statistics of normalisations are those of
calibration samples, so that values are as large as in a trained network.

Also dense.tflite and sparse.tflite, one network of 1x1 convolutions with most weights zero, in
TensorFlow's sparse encoding and without it, and sparse.sample.npz for both.
"""

import os
import sys
import tempfile
from pathlib import Path

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")

import numpy as np
import tensorflow as tf
from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from digits import SEED, digits
from models import enlarged

SIZE = 64
CALIBRATION, HELD_OUT = 100, 50

layers = tf.keras.layers


def mobilenet_v2():
    return tf.keras.applications.MobileNetV2(
        input_shape=(SIZE, SIZE, 3), weights=None, classes=10, classifier_activation=None
    )


def resnet():
    """Three stages of two blocks, as those of CIFAR's ResNets, wider."""

    def convolution(x, channels, stride=1, kernel=3, is_active=True):
        x = layers.Conv2D(channels, kernel, stride, padding="same", use_bias=False)(x)
        x = layers.BatchNormalization()(x)
        return layers.ReLU()(x) if is_active else x

    image = x = layers.Input((SIZE, SIZE, 3))
    x = convolution(x, 32, stride=2)
    for channels, first_stride in [(32, 1), (64, 2), (128, 2)]:
        for stride in (first_stride, 1):
            skip = x
            if x.shape[-1] != channels:
                skip = convolution(x, channels, stride, kernel=1, is_active=False)
            y = convolution(x, channels, stride)
            x = layers.ReLU()(layers.Add()([convolution(y, channels, is_active=False), skip]))
    x = layers.GlobalAveragePooling2D()(x)
    return tf.keras.Model(image, layers.Dense(10)(x))


def hard_swish(x):
    return layers.Lambda(lambda x: x * tf.nn.relu6(x + 3.0) * np.float32(1 / 6))(x)


def pooled():
    """Hard swishes and average pools, which XNNPACK computes in float alone."""
    image = x = layers.Input((SIZE, SIZE, 3))
    for channels in (16, 32, 64):
        x = hard_swish(layers.Conv2D(channels, 3, padding="same")(x))
        x = hard_swish(layers.DepthwiseConv2D(3, padding="same")(x))
        x = layers.AveragePooling2D(3, strides=1, padding="same")(x)
        x = hard_swish(layers.Conv2D(channels, 1)(x))
        x = layers.AveragePooling2D(2)(x)
    x = layers.GlobalAveragePooling2D()(x)
    return tf.keras.Model(image, layers.Dense(10)(x))


ROWS, WIDTH, HEADS, HIDDEN, LAYERS = 64, 256, 4, 1024, 4


def encoder():
    """BERT's layers behind the embedding."""

    def heads(x, perm):
        return tf.transpose(tf.reshape(x, [-1, ROWS, HEADS, WIDTH // HEADS]), perm)

    def attended(query, key, value):
        scores = heads(query, [0, 2, 1, 3]) @ heads(key, [0, 2, 3, 1])
        weights = tf.nn.softmax(scores * (WIDTH // HEADS) ** -0.5)
        mixed = weights @ heads(value, [0, 2, 1, 3])
        return tf.reshape(tf.transpose(mixed, [0, 2, 1, 3]), [-1, ROWS, WIDTH])

    def residual(x, y):
        return layers.LayerNormalization()(layers.Add()([x, layers.Dense(WIDTH)(y)]))

    attend = layers.Lambda(lambda all: attended(*all))
    gelu = layers.Lambda(lambda x: tf.nn.gelu(x, approximate=True))
    rows = x = layers.Input((ROWS, WIDTH))
    for _ in range(LAYERS):
        x = residual(x, attend([layers.Dense(WIDTH)(x) for _ in range(3)]))
        x = residual(x, gelu(layers.Dense(HIDDEN)(x)))
    return tf.keras.Model(rows, x)


def pointwise():
    """MobileNetV1's layers, with paddings that XNNPACK's sparse kernels know."""
    image = x = layers.Input((224, 224, 3), batch_size=1)

    def downwards(convolution, x):
        return convolution(layers.ZeroPadding2D(1)(x))

    x = downwards(layers.Conv2D(32, 3, 2, activation=tf.nn.relu6), x)
    for channels, stride in [(64, 1), (128, 2), (128, 1), (256, 2), (256, 1), (512, 2)]:
        if stride == 2:
            x = downwards(layers.DepthwiseConv2D(3, 2, activation=tf.nn.relu6), x)
        else:
            x = layers.DepthwiseConv2D(3, padding="same", activation=tf.nn.relu6)(x)
        x = layers.Conv2D(channels, 1, activation=tf.nn.relu6)(x)
    return tf.keras.Model(image, layers.Dense(10)(layers.GlobalAveragePooling2D()(x)))


ZEROS = 0.9


def write_sparse(folder):
    tf.keras.utils.set_random_seed(SEED)
    model = pointwise()
    for layer in model.layers:
        if type(layer) is layers.Conv2D and layer.kernel_size == (1, 1):
            weight, bias = layer.get_weights()
            weight[np.abs(weight) < np.quantile(np.abs(weight), ZEROS)] = 0
            layer.set_weights([weight, bias])
    for name, optimizations in [
        ("dense", []),
        ("sparse", [tf.lite.Optimize.EXPERIMENTAL_SPARSITY]),
    ]:
        converter = tf.lite.TFLiteConverter.from_keras_model(model)
        converter.optimizations = optimizations
        (folder / f"{name}.tflite").write_bytes(converter.convert())
    image = np.random.default_rng(SEED).random((1, 224, 224, 3), np.float32)
    np.savez_compressed(folder / "sparse.sample.npz", image=image)
    print("sparse", flush=True)


def set_statistics(model, images):
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)


def write(folder, name, build, samples):
    tf.keras.utils.set_random_seed(SEED)
    model = build()
    calibration = samples[:CALIBRATION]
    set_statistics(model, calibration)

    signature = [tf.TensorSpec((1, *samples.shape[1:]), tf.float32, name="x")]
    inference = tf.function(lambda x: model(x, training=False), input_signature=signature)
    frozen = convert_variables_to_constants_v2(inference.get_concrete_function())
    module = tf.Module()
    module.serve = tf.function(lambda x: {"y": frozen(x)[0]}, input_signature=signature)

    def representative():
        for sample in calibration:
            yield [sample[None]]

    with tempfile.TemporaryDirectory() as saved:
        # The signature, which ai-edge-quantizer needs, is lost on other ways.
        tf.saved_model.save(module, saved, signatures=module.serve.get_concrete_function())
        for form, settings in [
            ("", {}),
            ("-tensorflow-dynamic", {"optimizations": [tf.lite.Optimize.DEFAULT]}),
            (
                "-tensorflow-static",
                {
                    "optimizations": [tf.lite.Optimize.DEFAULT],
                    "representative_dataset": representative,
                },
            ),
        ]:
            converter = tf.lite.TFLiteConverter.from_saved_model(saved)
            for setting, value in settings.items():
                setattr(converter, setting, value)
            (folder / f"{name}{form}.tflite").write_bytes(converter.convert())
    for part, some in [
        ("calibration", calibration),
        ("heldout", samples[CALIBRATION:]),
        ("sample", samples[:1]),
    ]:
        np.savez_compressed(folder / f"{name}.{part}.npz", x=some)
    print(name, flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    images = enlarged(digits()[0][: CALIBRATION + HELD_OUT], SIZE, channels=3)
    images = np.ascontiguousarray(images.transpose(0, 2, 3, 1))
    for build in (resnet, mobilenet_v2, pooled):
        write(folder, build.__name__, build, images)
    shape = (CALIBRATION + HELD_OUT, ROWS, WIDTH)
    write(folder, "encoder", encoder, np.random.default_rng(SEED).normal(size=shape).astype("f4"))
    write_sparse(folder)


if __name__ == "__main__":
    main()
