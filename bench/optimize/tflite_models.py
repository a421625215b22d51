"""Writes the float TensorFlow Lite models that quantising is measured with.

usage: tflite_models.py FOLDER

For each: NAME.tflite, and NAME.calibration.npz and NAME.heldout.npz with all samples along the
first axis. Not trained; the statistics of normalisations are those of calibration samples, so that
values are as large as in a trained network.
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


def set_statistics(model, images):
    for layer in model.layers:
        if isinstance(layer, layers.BatchNormalization):
            layer.momentum = 0.0
    model(images, training=True)


def write(folder, name, build, images):
    tf.keras.utils.set_random_seed(SEED)
    model = build()
    set_statistics(model, images[:CALIBRATION])

    signature = [tf.TensorSpec((1, SIZE, SIZE, 3), tf.float32, name="image")]
    inference = tf.function(lambda image: model(image, training=False), input_signature=signature)
    frozen = convert_variables_to_constants_v2(inference.get_concrete_function())
    module = tf.Module()
    module.serve = tf.function(
        lambda image: {"scores": frozen(image)[0]}, input_signature=signature
    )
    with tempfile.TemporaryDirectory() as saved:
        # The signature, which ai-edge-quantizer needs, is lost on other ways.
        tf.saved_model.save(module, saved, signatures=module.serve.get_concrete_function())
        converter = tf.lite.TFLiteConverter.from_saved_model(saved)
        (folder / f"{name}.tflite").write_bytes(converter.convert())
    np.savez_compressed(folder / f"{name}.calibration.npz", image=images[:CALIBRATION])
    np.savez_compressed(folder / f"{name}.heldout.npz", image=images[CALIBRATION:])
    print(name, flush=True)


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    images = enlarged(digits()[0][: CALIBRATION + HELD_OUT], SIZE, channels=3)
    for build in (resnet, mobilenet_v2):
        write(folder, build.__name__, build, np.ascontiguousarray(images.transpose(0, 2, 3, 1)))


if __name__ == "__main__":
    main()
