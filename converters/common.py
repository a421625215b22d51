"""How the converters speak with onlite: a request of JSON a line on standard input, answers of JSON a
line on what was standard output. What libraries print goes to standard error.

A converter is a class with `convert(request)` and `run(request)`; a request names its method. When
standard input ends, so does this process, with those that it has started.
"""

import importlib
import importlib.metadata
import json
import os
import queue
import re
import signal
import sys
import threading
import traceback
import zipfile

# What tf2onnx makes names unique with.
NUMBERED = re.compile(r"__\d+(?![0-9A-Za-z])")

TYPES = {"object": "string", "str": "string"}


class Failure(Exception):
    """A conversion that cannot be, in words for people.

    kind: 'operator', 'input', 'untrusted', 'source' or 'option'; operators, layers: their names.
    """

    def __init__(self, kind, message, advice=None, operators=(), layers=()):
        super().__init__(message)
        self.facts = {
            "kind": kind,
            "message": message,
            "advice": advice,
            "operators": sorted(set(operators)),
            "layers": sorted(set(layers)),
        }


def without_converter(program, names_by_operator, advice):
    """The Failure of operators that a program does not convert, with the names of their nodes."""
    return Failure(
        "operator",
        f"{program} has no converter for {', '.join(sorted(names_by_operator))}",
        advice,
        operators=names_by_operator,
        layers=[name for names in names_by_operator.values() for name in names],
    )


def type_name(dtype):
    """onlite's name of a numpy dtype or a framework's."""
    name = getattr(dtype, "name", None) or str(dtype).rsplit(".", 1)[-1]
    return "string" if name.startswith(("str", "bytes")) else TYPES.get(name, name)


def described(name, dtype, shape, **more):
    """An input or output; a dimension that is open is None."""
    dims = [int(dim) if isinstance(dim, int) else None for dim in shape]
    return {"name": name, "type": type_name(dtype), "shape": dims, **more}


def versions(*names):
    """Of packages, which may have been installed under another name, such as tensorflow-cpu."""
    found = {}
    for name in names:
        try:
            found[name] = importlib.metadata.version(name)
        except importlib.metadata.PackageNotFoundError:
            found[name] = getattr(importlib.import_module(name), "__version__", "?")
    return found


def _end():
    # Of the group that onlite has made for this process, if it has.
    if hasattr(os, "killpg") and os.getpgrp() == os.getpid():
        os.killpg(0, signal.SIGKILL)
    os._exit(1)


class Channel:
    def __init__(self):
        self._answers = os.fdopen(os.dup(1), "w", encoding="utf-8")
        os.dup2(2, 1)
        self.requests = queue.Queue()
        threading.Thread(target=self._listen, daemon=True).start()

    def _listen(self):
        for line in sys.stdin:
            self.requests.put(json.loads(line))
        _end()

    def send(self, **message):
        self._answers.write(json.dumps(message) + "\n")
        self._answers.flush()

    def progress(self, stage):
        self.send(event="progress", stage=stage)


def load_samples(path):
    """The arrays that onlite has written: by sample, by the input's name."""
    import numpy

    samples = {}
    with numpy.load(path, allow_pickle=False) as arrays:
        for key in arrays.files:
            index, name = key.split("/", 1)
            samples.setdefault(int(index), {})[name] = arrays[key]
    return [samples[index] for index in sorted(samples)]


def save_samples(path, samples):
    import numpy

    def plain(value):
        array = numpy.asarray(value)
        if array.dtype.kind == "S" or array.dtype.kind == "O":
            texts = [each.decode() if isinstance(each, bytes) else str(each) for each in array.flat]
            return numpy.array(texts, dtype=str).reshape(array.shape)
        return array

    numpy.savez(
        path,
        **{
            f"{index}/{name}": plain(value)
            for index, sample in enumerate(samples)
            for name, value in sample.items()
        },
    )


# Archives of models are of numbers, which cannot be packed by much.
PACKED, UNPACKED = 20, 256 << 20


def refuse_bomb(source):
    """Keras', skops' and PyTorch's files are ZIP archives; zipfile unpacks no more than they declare."""
    if not zipfile.is_zipfile(source):
        return
    with zipfile.ZipFile(source) as archive:
        size = sum(each.file_size for each in archive.infolist())
    packed = os.path.getsize(source)
    if size > PACKED * packed + UNPACKED:
        raise Failure(
            "source",
            f"the archive of {packed} bytes unpacks to {size}, which no model does",
            "unpack and look at it, if you know who has made it, and pack it anew",
        )


def serve(make):
    """make: from a function that tells of progress, what has `convert` and `run`."""
    channel = Channel()
    converter = None
    while True:
        request = channel.requests.get()
        try:
            if request["method"] == "convert" and os.path.isfile(request.get("source", "")):
                refuse_bomb(request["source"])
            if converter is None:
                channel.progress("importing")
                converter = make(channel.progress)
            result = getattr(converter, request["method"])(request)
            channel.send(event="result", result=result)
        except Failure as failure:
            channel.send(event="failure", **failure.facts)
        except BaseException as error:  # also what a library exits with
            channel.send(
                event="error",
                type=type(error).__name__,
                message=str(error),
                traceback=traceback.format_exc()[-8000:],
            )


def rename_onnx(model, names):
    """Gives values of a graph other names, in its subgraphs too."""

    def in_graph(graph):
        for value in [*graph.input, *graph.output, *graph.value_info]:
            value.name = names.get(value.name, value.name)
        for tensor in graph.initializer:
            tensor.name = names.get(tensor.name, tensor.name)
        for node in graph.node:
            node.input[:] = [names.get(name, name) for name in node.input]
            node.output[:] = [names.get(name, name) for name in node.output]
            for attribute in node.attribute:
                if attribute.HasField("g"):
                    in_graph(attribute.g)
                for graph_ in attribute.graphs:
                    in_graph(graph_)

    in_graph(model.graph)


def canonical_onnx(model):
    """Numbers that a converter has given out in an order of its own, given out in the graph's order."""
    graph = model.graph
    ends = {value.name for value in [*graph.input, *graph.output]}
    taken = set(ends)
    names = {}

    constants = {tensor.name for tensor in graph.initializer}

    def add(name, where):
        if name in names or name in ends or not name:
            return
        # Of equal constants a converter keeps any, with its name: it is called after its first use.
        base = NUMBERED.sub("", where if name in constants else name)
        new, count = base, 1
        while new in taken:
            count += 1
            new = f"{base}_{count}"
        taken.add(new)
        names[name] = new

    for node in graph.node:
        for index, name in enumerate(node.input):
            add(name, f"{node.name}/constant_{index}")
        for name in node.output:
            add(name, name)
    rename_onnx(model, names)
    used = set()
    for node in graph.node:
        base = NUMBERED.sub("", node.name)
        new, count = base, 1
        while new in used:
            count += 1
            new = f"{base}_{count}"
        used.add(new)
        node.name = new
    tensors = sorted(graph.initializer, key=lambda tensor: tensor.name)
    del graph.initializer[:]
    graph.initializer.extend(tensors)
    del graph.value_info[:]
    for value in [*graph.input, *graph.output]:
        for axis, dim in enumerate(value.type.tensor_type.shape.dim):
            if dim.HasField("dim_param") and NUMBERED.search(dim.dim_param):
                dim.Clear()
                if axis == 0:
                    dim.dim_param = "batch"


def save_onnx(model, path):
    """Large models with their weights beside them, as protobuf cannot have them."""
    import onnx

    large = model.ByteSize() > 2**31 - 2**20
    if large:
        onnx.save_model(model, path, save_as_external_data=True, location="weights.data")
    else:
        with open(path, "wb") as file:
            file.write(model.SerializeToString(deterministic=True))
