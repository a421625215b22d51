"""The Python runtimes, driven like the raw C programs (bench/raw/commands.cc).

usage: peer.py onnxruntime|tflite MODEL

Reads "milliseconds batch" a line and answers with a line of JSON, nanoseconds.
"""

import json
import sys
import time

import numpy as np


def array(shape, dtype):
    # Open dimensions are negative or a name.
    dims = [dim if isinstance(dim, (int, np.integer)) and dim > 0 else 1 for dim in shape]
    if np.issubdtype(dtype, np.floating):
        return np.random.default_rng(1).uniform(-1, 1, dims).astype(dtype)
    return np.zeros(dims, dtype)


def onnxruntime_run(path):
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(path, options, providers=["CPUExecutionProvider"])
    feeds = {value.name: array(value.shape, np.dtype("float32")) for value in session.get_inputs()}
    return lambda: session.run(None, feeds)


def tflite_run(path):
    from ai_edge_litert.interpreter import Interpreter

    interpreter = Interpreter(model_path=path, num_threads=1)
    interpreter.allocate_tensors()
    for detail in interpreter.get_input_details():
        interpreter.set_tensor(detail["index"], array(detail["shape"], detail["dtype"]))
    return interpreter.invoke


def measure(run, milliseconds, batch):
    samples = []
    end = time.perf_counter_ns() + milliseconds * 1_000_000
    before = time.perf_counter_ns()
    while True:
        for _ in range(batch):
            run()
        after = time.perf_counter_ns()
        samples.append((after - before) / batch)
        before = after
        if after >= end:
            break
    p50, p99 = np.percentile(samples, [50, 99])
    return {"count": len(samples), "mean": float(np.mean(samples)), "p50": p50, "p99": p99}


def main():
    engine, path = sys.argv[1:]
    run = {"onnxruntime": onnxruntime_run, "tflite": tflite_run}[engine](path)
    for line in sys.stdin:
        milliseconds, batch = map(int, line.split())
        print(json.dumps(measure(run, milliseconds, batch)), flush=True)


if __name__ == "__main__":
    main()
