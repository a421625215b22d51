"""Simplifies models with ONNX Runtime's basic level, onnxsim and onnxslim.

usage: simplify.py [--count] MODEL...

Prints a line of JSON a model: by tool the nodes after it, those of domains other than ONNX's own,
`bytes`, and `seconds`; a tool that fails has its `error`. Nodes within branches and loops count.

--count: only those of the model itself, as `before`.
"""

import json
import sys
import tempfile
import time
from pathlib import Path

import onnx
import onnxruntime


def by_runtime(model, out):
    options = onnxruntime.SessionOptions()
    options.graph_optimization_level = onnxruntime.GraphOptimizationLevel.ORT_ENABLE_BASIC
    options.optimized_model_filepath = out
    options.log_severity_level = 4
    onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def by_onnxsim(model, out):
    import onnxsim

    simplified, _ = onnxsim.simplify(onnx.load(model))
    onnx.save(simplified, out)


def by_onnxslim(model, out):
    import onnxslim

    onnx.save(onnxslim.slim(onnx.load(model)), out)


TOOLS = {"basic": by_runtime, "onnxsim": by_onnxsim, "onnxslim": by_onnxslim}


def nodes_of(graph):
    for node in graph.node:
        yield node
        for attribute in node.attribute:
            for inner in [attribute.g, *attribute.graphs]:
                yield from nodes_of(inner)


def described(path):
    nodes = list(nodes_of(onnx.load(path, load_external_data=False).graph))
    own = [node for node in nodes if node.domain not in ("", "ai.onnx", "ai.onnx.ml")]
    foreign = sorted({f"{node.domain}:{node.op_type}" for node in own})
    return {"nodes": len(nodes), "foreign": foreign, "bytes": Path(path).stat().st_size}


def main():
    if len(sys.argv) < 2:
        sys.exit(__doc__)
    is_count = sys.argv[1] == "--count"
    models, tools = (sys.argv[2:], {}) if is_count else (sys.argv[1:], TOOLS)
    with tempfile.TemporaryDirectory() as folder:
        for model in models:
            found = {"model": model, "before": described(model)}
            for name, simplify in tools.items():
                out = str(Path(folder) / f"{name}.onnx")
                start = time.perf_counter()
                try:
                    simplify(model, out)
                    found[name] = {**described(out), "seconds": time.perf_counter() - start}
                except Exception as error:
                    found[name] = {"error": str(error)[:300]}
            print(json.dumps(found))


if __name__ == "__main__":
    main()
