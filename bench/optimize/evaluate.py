"""How near models are to a float model, by Python's own onnxruntime.

usage: evaluate.py [--exact] HELDOUT.npz FLOAT MODEL...

Prints a line of JSON a model: `sqnr` in dB over all samples of the first output, null where there
is no error at all; `agreement` of the greatest score; `accuracy` where the file has `labels`;
`milliseconds` of the quickest run of one sample on one thread. A model that cannot be loaded has
its `error`.

--exact: what every CPU with VNNI computes. Without VNNI the products of uint8 and int8 are added
in 16 bits, which saturate, unless the session asks for precision.
"""

import json
import sys
import time

import numpy as np
import onnxruntime

RUNS = 30


def session_of(model, is_exact):
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = 1
    options.log_severity_level = 4
    if is_exact:
        options.add_session_config_entry("session.x64quantprecision", "1")
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def outputs(session, samples):
    count = len(next(iter(samples.values())))
    results = []
    for index in range(count):
        feeds = {name: array[index : index + 1] for name, array in samples.items()}
        results.append(session.run(None, feeds)[0][0])
    return np.stack(results)


def quickest(sessions, feeds):
    """By session, each measured in turn so that the machine's other work meets all alike."""
    best = [float("inf")] * len(sessions)
    for _ in range(RUNS):
        for index, session in enumerate(sessions):
            start = time.perf_counter()
            session.run(None, feeds)
            best[index] = min(best[index], time.perf_counter() - start)
    return [seconds * 1e3 for seconds in best]


def sqnr(reference, candidate):
    error = np.linalg.norm((reference - candidate).astype(np.float64))
    return None if error == 0 else 20 * np.log10(np.linalg.norm(reference) / error)


def loaded(models, is_exact):
    """The sessions of the models that load, and why the others do not, both by path."""
    sessions, errors = {}, {}
    for model in models:
        try:
            sessions[model] = session_of(model, is_exact)
        except Exception as error:
            errors[model] = str(error)[:300]
    return sessions, errors


def main():
    if len(sys.argv) < 3:
        sys.exit(__doc__)
    arguments = sys.argv[1:]
    is_exact = arguments[:1] == ["--exact"]
    data, *models = arguments[1:] if is_exact else arguments
    samples = dict(np.load(data))
    labels = samples.pop("labels", None)
    sessions, errors = loaded(models, is_exact)
    first = {name: array[:1] for name, array in samples.items()}
    milliseconds = quickest(list(sessions.values()), first)
    reference = outputs(sessions[models[0]], samples).astype(np.float32)
    best = reference.argmax(axis=-1)
    for model, time_taken in zip(sessions, milliseconds):
        result = outputs(sessions[model], samples).astype(np.float32)
        guesses = result.argmax(axis=-1)
        found = {
            "model": model,
            "sqnr": sqnr(reference, result),
            "agreement": float((guesses == best).mean()),
            "milliseconds": time_taken,
        }
        if labels is not None:
            found["accuracy"] = float((guesses == labels).mean())
        print(json.dumps(found))
    for model, error in errors.items():
        print(json.dumps({"model": model, "error": error}))


if __name__ == "__main__":
    main()
