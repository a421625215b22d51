"""Prints what TensorBoard reads in a log directory, as JSON: read_tensorboard.py DIRECTORY"""

import json
import sys

from tensorboard.backend.event_processing import event_accumulator
from tensorboard.plugins.custom_scalar import layout_pb2
from tensorboard.plugins.hparams import plugin_data_pb2
from tensorboard.util import tensor_util

events = event_accumulator.EventAccumulator(
    sys.argv[1], size_guidance={event_accumulator.TENSORS: 0, event_accumulator.SCALARS: 0}
)
events.Reload()


def tensors(plugin):
    tags = events.summary_metadata
    return {
        tag: [
            (event.step, tensor_util.make_ndarray(event.tensor_proto))
            for event in events.Tensors(tag)
        ]
        for tag, data in tags.items()
        if data.plugin_data.plugin_name == plugin
    }


def text(value):
    return [item.decode() for item in value.reshape(-1)]


def hparams():
    found = {}
    for tag, metadata in events.summary_metadata.items():
        if metadata.plugin_data.plugin_name == "hparams":
            data = plugin_data_pb2.HParamsPluginData.FromString(metadata.plugin_data.content)
            found[tag] = str(data)
    return found


layout = layout_pb2.Layout()
for _, value in tensors("custom_scalars").get("custom_scalars__config__", []):
    layout.ParseFromString(value.item())
print(
    json.dumps(
        {
            # event_processing turns simple values into tensors of its plugin "scalars".
            "scalars": {
                tag: [[step, float(value)] for step, value in items]
                for tag, items in tensors("scalars").items()
            }
            | {
                tag: [[event.step, event.value] for event in events.Scalars(tag)]
                for tag in events.Tags()["scalars"]
            },
            "histograms": {
                tag: [[step, value.tolist()] for step, value in items]
                for tag, items in tensors("histograms").items()
            },
            "texts": {
                tag: [[step, text(value)] for step, value in items]
                for tag, items in tensors("text").items()
            },
            "images": {
                tag: [[step, [item.hex() for item in value]] for step, value in items]
                for tag, items in tensors("images").items()
            },
            "hparams": hparams(),
            "layout": str(layout),
        }
    )
)
