"""Calls the server of serve.mjs with Triton's client. usage: client.py [HOST:PORT]

pip install 'tritonclient[http]'
"""

import sys

import numpy as np
import tritonclient.http as http

address = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1:8501"
client = http.InferenceServerClient(address)

feeds = []
for described in client.get_model_metadata("wakeword")["inputs"]:
    silence = np.zeros(described["shape"], np.float32)
    feed = http.InferInput(described["name"], silence.shape, described["datatype"])
    feed.set_data_from_numpy(silence)
    feeds.append(feed)
answer = client.infer("wakeword", feeds)
for output in answer.get_response()["outputs"]:
    print(output["name"], output["shape"], answer.as_numpy(output["name"]).ravel())
