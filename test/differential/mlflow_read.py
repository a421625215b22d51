"""Prints as JSON what MLflow's own client reads of a run, and the status of another.

mlflow_read.py TRACKING_URI RUN OTHER
"""

import json
import pathlib
import sys
import tempfile

from mlflow.tracking import MlflowClient

uri, run_id, other = sys.argv[1:]
client = MlflowClient(uri)
run = client.get_run(run_id)
with tempfile.TemporaryDirectory() as folder:
    artefact = client.download_artifacts(run_id, "reports/a b.mjs", folder)
    text = pathlib.Path(artefact).read_text()
print(
    json.dumps(
        {
            "name": run.info.run_name,
            "status": run.info.status,
            "other": client.get_run(other).info.status,
            "tags": run.data.tags,
            "parameters": run.data.params,
            "metrics": {
                key: [[metric.step, metric.value] for metric in client.get_metric_history(run_id, key)]
                for key in run.data.metrics
            },
            "artefact": text,
        }
    )
)
