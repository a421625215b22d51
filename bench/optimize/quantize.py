"""Quantises a model with the Python packages that users have for it, each at its best setting.

usage: quantize.py METHOD MODEL OUT [CALIBRATION.npz]

METHOD is one of those below. Prints a line of JSON: what usage.py says it took, `bytes` and `nodes`
of OUT. The calibration data has all samples of each input along the first axis.
"""

import json
import logging
import sys
import tempfile
from collections import Counter
from pathlib import Path

import numpy as np
import onnx
import onnxruntime
from onnxruntime import quantization
from onnxruntime.quantization import CalibrationMethod, QuantFormat, QuantType

from usage import Usage

logging.disable(logging.WARNING)

RECURRENT = ("LSTM", "GRU", "RNN")


class Samples(quantization.CalibrationDataReader):
    """One sample at a time, as a batch of one."""

    def __init__(self, arrays):
        self.arrays = arrays
        self.count = len(next(iter(arrays.values())))
        self.next = 0

    def get_next(self):
        index = self.next
        self.next += 1
        if index == self.count:
            return None
        return {name: array[index : index + 1] for name, array in self.arrays.items()}


def simplified(model, folder):
    """
    Folded by ONNX Runtime's basic level, as quant_pre_process is meant to do; release 1.30's own
    throws the result away.
    """
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = str(Path(folder) / "basic.onnx")
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])
    return options.optimized_model_filepath


def static(calibration_method, operators=None):
    """uint8 activations and int8 weights per channel: what is fastest on x64."""

    def quantize(model, out, calibration):
        with tempfile.TemporaryDirectory() as folder:
            quantization.quantize_static(
                simplified(model, folder),
                out,
                Samples(calibration),
                quant_format=QuantFormat.QDQ,
                op_types_to_quantize=operators,
                per_channel=True,
                activation_type=QuantType.QUInt8,
                weight_type=QuantType.QInt8,
                calibrate_method=calibration_method,
            )

    return quantize


def dynamic(model, out, calibration):
    quantization.quantize_dynamic(
        model,
        out,
        op_types_to_quantize=["MatMul", "Gemm", "LSTM"],
        per_channel=True,
        weight_type=QuantType.QInt8,
        use_external_data_format=len(files_of(model)) > 1,
        extra_options={"MatMulConstBOnly": True},
    )


def files_of(path):
    """A model's file and those of its external data."""
    tensors = onnx.load(path, load_external_data=False).graph.initializer
    entries = [entry for tensor in tensors for entry in tensor.external_data]
    locations = {entry.value for entry in entries if entry.key == "location"}
    return [Path(path), *(Path(path).parent / location for location in locations)]


def weight_only(bits):
    def quantize(model, out, calibration):
        from onnxruntime.quantization.matmul_nbits_quantizer import MatMulNBitsQuantizer

        is_external = len(files_of(model)) > 1
        loaded = onnx.load(model)
        quantizer = MatMulNBitsQuantizer(
            loaded, bits=bits, block_size=32, is_symmetric=True, accuracy_level=4
        )
        quantizer.process()
        quantizer.model.save_model_to_file(out, is_external)

    return quantize


def float16(model, out, calibration):
    from onnxconverter_common import float16

    onnx.save(float16.convert_float_to_float16(onnx.load(model), keep_io_types=True), out)


METHODS = {
    "static-minmax": static(CalibrationMethod.MinMax),
    "static-percentile": static(CalibrationMethod.Percentile),
    "static-entropy": static(CalibrationMethod.Entropy),
    "static-matmul": static(CalibrationMethod.MinMax, ["MatMul", "Gemm"]),
    "dynamic": dynamic,
    "weight-only-4": weight_only(4),
    "weight-only-8": weight_only(8),
    "float16": float16,
}


def main():
    if len(sys.argv) not in (4, 5) or sys.argv[1] not in METHODS:
        sys.exit(__doc__)
    method, model, out = sys.argv[1:4]
    calibration = dict(np.load(sys.argv[4])) if len(sys.argv) == 5 else None
    usage = Usage()
    METHODS[method](model, out, calibration)
    taken = usage.taken()
    written = onnx.load(out, load_external_data=False)
    nodes = Counter(node.op_type for node in written.graph.node)
    print(
        json.dumps(
            {
                "method": method,
                **taken,
                "bytes": sum(file.stat().st_size for file in files_of(out)),
                "nodes": nodes.total(),
                "operators": dict(nodes.most_common()),
            }
        )
    )


if __name__ == "__main__":
    main()
