"""Writes MobileNetV2 (224x224, 1000 classes) as ONNX and TFLite, float32 and int8.

The weights are random from a fixed seed: time and memory do not depend on them, as long
as activations stay finite and do not vanish (denormal numbers would slow float32 down).

usage: generate.py FOLDER
"""

import os
import sys
from pathlib import Path

import numpy as np

SIZE = 224
CLASSES = 1000
SEED = 20260511
CALIBRATION_IMAGES = 8
# Expansion, output channels, repetitions and stride of each stage: Sandler et al.,
# "MobileNetV2: Inverted Residuals and Linear Bottlenecks" (2018), table 2.
STAGES = [
    (1, 16, 1, 1),
    (6, 24, 2, 2),
    (6, 32, 3, 2),
    (6, 64, 4, 2),
    (6, 96, 3, 1),
    (6, 160, 3, 2),
    (6, 320, 1, 1),
]


def images(count, channels_last):
    random = np.random.default_rng(SEED)
    shape = (SIZE, SIZE, 3) if channels_last else (3, SIZE, SIZE)
    return random.uniform(-1, 1, size=(count, 1, *shape)).astype(np.float32)


class OnnxGraph:
    """MobileNetV2 with its batch normalisations folded into the convolutions."""

    def __init__(self):
        self.random = np.random.default_rng(SEED)
        self.nodes = []
        self.initializers = [self._constant("zero", 0.0), self._constant("six", 6.0)]
        self.counter = 0

    @staticmethod
    def _constant(name, value):
        from onnx import numpy_helper

        return numpy_helper.from_array(np.array(value, dtype=np.float32), name)

    def _add(self, operator, inputs, **attributes):
        from onnx import helper

        self.counter += 1
        output = f"t{self.counter}"
        self.nodes.append(helper.make_node(operator, inputs, [output], **attributes))
        return output

    def _weight(self, shape, gain):
        from onnx import numpy_helper

        # Normalised by the fan-in, so that the variance of activations is kept.
        deviation = np.sqrt(gain / np.prod(shape[1:]))
        values = self.random.normal(0, deviation, size=shape).astype(np.float32)
        name = f"w{len(self.initializers)}"
        self.initializers.append(numpy_helper.from_array(values, name))
        bias = self.random.normal(0, 0.05, size=shape[0]).astype(np.float32)
        self.initializers.append(numpy_helper.from_array(bias, f"{name}_bias"))
        return [name, f"{name}_bias"]

    def convolution(self, source, inputs, outputs, kernel=1, stride=1, groups=1, relu=True):
        weight = self._weight((outputs, inputs // groups, kernel, kernel), 2.0 if relu else 1.0)
        pad = kernel // 2
        result = self._add(
            "Conv",
            [source, *weight],
            kernel_shape=[kernel, kernel],
            strides=[stride, stride],
            pads=[pad, pad, pad, pad],
            group=groups,
        )
        return self._add("Clip", [result, "zero", "six"]) if relu else result

    def bottleneck(self, source, inputs, outputs, expansion, stride):
        wide = inputs * expansion
        result = source if expansion == 1 else self.convolution(source, inputs, wide)
        result = self.convolution(result, wide, wide, kernel=3, stride=stride, groups=wide)
        result = self.convolution(result, wide, outputs, relu=False)
        if stride == 1 and inputs == outputs:
            return self._add("Add", [source, result])
        return result

    def build(self):
        from onnx import TensorProto, checker, helper

        result = self.convolution("image", 3, 32, kernel=3, stride=2)
        channels = 32
        for expansion, outputs, repetitions, stride in STAGES:
            for index in range(repetitions):
                first_stride = stride if index == 0 else 1
                result = self.bottleneck(result, channels, outputs, expansion, first_stride)
                channels = outputs
        result = self.convolution(result, channels, 1280)
        result = self._add("Flatten", [self._add("GlobalAveragePool", [result])])
        weight, bias = self._weight((CLASSES, 1280), 1.0)
        result = self._add("Gemm", [result, weight, bias], transB=1)
        self.nodes.append(helper.make_node("Softmax", [result], ["scores"], axis=1))
        graph = helper.make_graph(
            self.nodes,
            "mobilenet_v2",
            [helper.make_tensor_value_info("image", TensorProto.FLOAT, ["n", 3, SIZE, SIZE])],
            [helper.make_tensor_value_info("scores", TensorProto.FLOAT, ["n", CLASSES])],
            self.initializers,
        )
        model = helper.make_model(graph, opset_imports=[helper.make_opsetid("", 17)])
        model.ir_version = 9
        checker.check_model(model)
        return model


def write_onnx(folder):
    import onnx
    from onnxruntime.quantization import (
        CalibrationDataReader,
        QuantFormat,
        QuantType,
        quantize_static,
    )

    class Images(CalibrationDataReader):
        def __init__(self):
            self.feeds = iter([{"image": image} for image in images(CALIBRATION_IMAGES, False)])

        def get_next(self):
            return next(self.feeds, None)

    float32 = folder / "mobilenet_v2_float32.onnx"
    onnx.save(OnnxGraph().build(), float32)
    quantize_static(
        float32,
        folder / "mobilenet_v2_int8.onnx",
        Images(),
        quant_format=QuantFormat.QDQ,
        per_channel=True,
        activation_type=QuantType.QUInt8,
        weight_type=QuantType.QInt8,
    )


def write_tflite(folder):
    os.environ.setdefault("TF_CPP_MIN_LOG_LEVEL", "3")
    import tensorflow as tf

    tf.keras.utils.set_random_seed(SEED)
    model = tf.keras.applications.MobileNetV2(
        input_tensor=tf.keras.Input((SIZE, SIZE, 3), batch_size=1), weights=None, classes=CLASSES
    )
    float32 = tf.lite.TFLiteConverter.from_keras_model(model).convert()
    (folder / "mobilenet_v2_float32.tflite").write_bytes(float32)

    converter = tf.lite.TFLiteConverter.from_keras_model(model)
    converter.optimizations = [tf.lite.Optimize.DEFAULT]
    converter.representative_dataset = lambda: (
        [image] for image in images(CALIBRATION_IMAGES, True)
    )
    converter.target_spec.supported_ops = [tf.lite.OpsSet.TFLITE_BUILTINS_INT8]
    converter.inference_input_type = tf.int8
    converter.inference_output_type = tf.int8
    (folder / "mobilenet_v2_int8.tflite").write_bytes(converter.convert())


def main():
    if len(sys.argv) != 2:
        sys.exit(__doc__)
    folder = Path(sys.argv[1])
    folder.mkdir(parents=True, exist_ok=True)
    write_onnx(folder)
    write_tflite(folder)


if __name__ == "__main__":
    main()
