"""Prints as JSON what MLflow's own client reads of an experiment's runs, the first one first.

mlflow_runs.py TRACKING_URI EXPERIMENT
"""

import json
import sys

from mlflow.tracking import MlflowClient

uri, experiment = sys.argv[1:]
client = MlflowClient(uri)
found = client.get_experiment_by_name(experiment)
runs = client.search_runs([found.experiment_id], order_by=["attributes.start_time ASC"])
print(
    json.dumps(
        [
            {
                "name": run.info.run_name,
                "status": run.info.status,
                "parameters": run.data.params,
                "metrics": run.data.metrics,
                "artefacts": sorted(file.path for file in client.list_artifacts(run.info.run_id)),
            }
            for run in runs
        ]
    )
)
