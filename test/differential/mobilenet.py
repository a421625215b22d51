"""Writes MobileNetV2 (224x224, 1000 classes) as int8 TFLite whose outputs tell inputs apart.

usage: mobilenet.py FILE

The benchmarks' MobileNetV2 gives every input the same output, as fresh weights of Keras do. Here
they keep the variance of activations, and the last layer gives logits.
"""

import os
import sys
from pathlib import Path

import numpy as np

os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
import tensorflow as tf  # noqa: E402

SIZE = 224
SEED = 20261126
CALIBRATION_IMAGES = 8


def set_weights(model):
    random = np.random.default_rng(SEED)
    for layer in model.layers:
        weights = layer.get_weights()
        if not weights or isinstance(layer, tf.keras.layers.BatchNormalization):
            continue
        depthwise = isinstance(layer, tf.keras.layers.DepthwiseConv2D)
        fan_in = np.prod(weights[0].shape[:2] if depthwise else weights[0].shape[:-1])
        kernel = random.normal(0, np.sqrt(2 / fan_in), weights[0].shape)
        layer.set_weights([kernel, *weights[1:]])


def main():
    model = tf.keras.applications.MobileNetV2(
        input_tensor=tf.keras.Input((SIZE, SIZE, 3), batch_size=1),
        weights=None,
        classifier_activation=None,
    )
    set_weights(model)
    random = np.random.default_rng(SEED)
    images = random.uniform(-1, 1, (CALIBRATION_IMAGES, 1, SIZE, SIZE, 3)).astype(np.float32)
    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: ([image] for image in images)
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    Path(sys.argv[1]).write_bytes(converter.convert())


if __name__ == "__main__":
    main()
