"""Serves ONNX models by kserve over onnxruntime. usage: kserve_server.py PORT NAME=FILE…"""

import sys

import kserve
import onnxruntime
from kserve.protocol.infer_type import InferOutput, InferResponse
from kserve.utils.numpy_codec import from_np_dtype


class OnnxModel(kserve.Model):
    def __init__(self, name, path):
        super().__init__(name)
        options = onnxruntime.SessionOptions()
        options.intra_op_num_threads = 1
        self.session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
        self.outputs = [output.name for output in self.session.get_outputs()]
        self.ready = True

    def predict(self, payload, headers=None, response_headers=None):
        feeds = {each.name: each.as_numpy() for each in payload.inputs}
        outputs = []
        for name, array in zip(self.outputs, self.session.run(None, feeds)):
            output = InferOutput(name, list(array.shape), from_np_dtype(array.dtype))
            output.set_data_from_numpy(array, binary_data=payload.use_binary_outputs)
            outputs.append(output)
        return InferResponse(
            payload.id or "", self.name, outputs, use_binary_outputs=payload.use_binary_outputs
        )


port, *models = sys.argv[1:]
kserve.ModelServer(http_port=int(port), enable_grpc=False, workers=1, access_log_format=None).start(
    [OnnxModel(*model.split("=", 1)) for model in models]
)
