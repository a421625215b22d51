"""Registers an ONNX model twice, the first as @champion, and a TensorFlow Lite one, as MLflow's own client does.

mlflow_register.py TRACKING_URI ONNX TFLITE
"""

import json
import pathlib
import shutil
import sys
import tempfile

import mlflow
from mlflow.tracking import MlflowClient

uri, onnx, tflite = sys.argv[1:]
mlflow.set_tracking_uri(uri)
client = MlflowClient(uri)

# As mlflow.onnx.save_model writes it, which needs the packages onnx and onnxruntime.
MLMODEL = """artifact_path: model
flavors:
  onnx:
    code: null
    data: model.onnx
    onnx_version: 1.19.0
    providers:
    - CPUExecutionProvider
  python_function:
    data: model.onnx
    loader_module: mlflow.onnx
    python_version: 3.11.7
"""


def register(name, file, target, mlmodel):
    run = client.create_run(client.get_experiment_by_name("Default").experiment_id)
    with tempfile.TemporaryDirectory() as folder:
        shutil.copy(file, pathlib.Path(folder, target))
        pathlib.Path(folder, "requirements.txt").write_text("onnxruntime\n")
        if mlmodel:
            pathlib.Path(folder, "MLmodel").write_text(mlmodel)
        client.log_artifacts(run.info.run_id, folder, "model")
    source = f"{run.info.artifact_uri}/model"
    return client.create_model_version(name, source, run.info.run_id)


for name in ("digits", "small"):
    client.create_registered_model(name)
first = register("digits", onnx, "model.onnx", MLMODEL)
register("digits", onnx, "model.onnx", MLMODEL)
client.set_registered_model_alias("digits", "champion", first.version)
register("small", tflite, "model.tflite", None)
print(json.dumps({}))
