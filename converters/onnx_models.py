"""ONNX to TensorFlow Lite: onnx2tf makes a network of TensorFlow of it, TensorFlow's converter the file.

onnx2tf has images with their channels last. What is written here takes and gives tensors as the ONNX
model does: a transposition at an input or output where onnx2tf has changed it.
"""

import importlib
import importlib.util
import itertools
import os
import sys
import types

from common import Failure, rename_onnx, serve, versions, without_converter
from tensorflow_models import Converter as TensorFlowConverter
from tensorflow_models import Signature

# onnx2tf's network is one of Keras 2.
os.environ["TF_USE_LEGACY_KERAS"] = "1"

# Of an output's greatest value: a layout is right, and a network converted, where it is no further off.
TOLERANCE = 1e-3

# Of the batch where it is open, and of any other open dimension.
BATCH, OPEN = 2, 8


def channels_last(rank):
    """Axes of a tensor as onnx2tf has it."""
    return [0, *range(2, rank), 1] if 3 <= rank <= 5 else list(range(rank))


def inverse(axes):
    return [axes.index(axis) for axis in range(len(axes))]


def name_kernels(model):
    """Says how large the kernel of each convolution is, which ONNX lets its weights say; onnx2tf reads it."""
    from onnx import helper

    sizes = {weights.name: weights.dims[2:] for weights in model.graph.initializer}
    for node in model.graph.node:
        if node.op_type not in ("Conv", "ConvTranspose") or node.input[1] not in sizes:
            continue
        if all(attribute.name != "kernel_shape" for attribute in node.attribute):
            node.attribute.append(helper.make_attribute("kernel_shape", sizes[node.input[1]]))


class Converter(TensorFlowConverter):
    def __init__(self, progress):
        super().__init__(progress)
        # For checks that are not asked for onnx2tf imports LiteRT's interpreter, which is TensorFlow's.
        if importlib.util.find_spec("ai_edge_litert") is None:
            package = types.ModuleType("ai_edge_litert")
            interpreter = types.ModuleType("ai_edge_litert.interpreter")
            interpreter.Interpreter = self._tf.lite.Interpreter
            package.interpreter = interpreter
            sys.modules.update({package.__name__: package, interpreter.__name__: interpreter})
        import onnx2tf.onnx2tf
        import onnxruntime

        self._onnx2tf = onnx2tf.onnx2tf
        # Otherwise it fetches pictures from the network for models of three channels.
        self._onnx2tf.download_test_image_data = self._pictures
        self._onnxruntime = onnxruntime

    @staticmethod
    def _pictures():
        import numpy

        return numpy.random.default_rng(0).random((20, 128, 128, 3), dtype=numpy.float32)

    def convert(self, request):
        import onnx

        self._progress("loading")
        self._notes = []
        source, options = request["source"], request["options"]
        model = onnx.load(source)
        self._refuse_operators(model)
        session = self._onnxruntime.InferenceSession(source, providers=["CPUExecutionProvider"])
        inputs = [value.name for value in session.get_inputs()]
        outputs = [value.name for value in session.get_outputs()]
        samples = self._samples(session, options)
        model = self._prepared(model, inputs, outputs, options)
        self._progress("converting")
        expected = session.run(None, samples)
        network, kept = self._best(model, list(samples.values()), expected)
        layouts = self._layouts(network, kept, list(samples.values()), expected)
        self._signatures = {"serving_default": self._signature(network, kept, layouts)}
        self._to_tflite(request)
        self._name(request["target"], inputs, outputs)
        return {
            "signatures": {
                "serving_default": {
                    # onlite reads all else from the source itself.
                    "inputs": [{"name": name, "type": "", "shape": []} for name in inputs],
                    "outputs": [{"name": name, "type": "", "shape": []} for name in outputs],
                }
            },
            "versions": versions(
                "onnx2tf", "tensorflow", "tf-keras", "onnx", "onnxruntime", "onnxsim", "onnx-graphsurgeon"
            ),
            "notes": self._notes,
        }

    def _prepared(self, model, inputs, outputs, options):
        """The graph simplified, with sizes that were asked for, and names that TensorFlow takes."""
        import onnxsim

        shapes = dict(options.get("shapes", {}))
        self._refuse_unknown({name: 0 for name in shapes if name not in inputs}, inputs)
        try:
            # Told by the check: the original runs beside the result.
            model, _ = onnxsim.simplify(model, check_n=0, overwrite_input_shapes=shapes or None)
        except Exception as error:  # What it cannot, onnx2tf may.
            self._notes.append(f"onnxsim could not simplify the model: {str(error).splitlines()[0]}")
        names = {name: f"onlite_input_{index}" for index, name in enumerate(inputs)}
        for index, name in enumerate(outputs):
            names.setdefault(name, f"onlite_output_{index}")
        rename_onnx(model, names)
        name_kernels(model)
        self._nodes = {}
        for index, node in enumerate(model.graph.node):
            self._nodes[f"onlite_node_{index}"] = (node.op_type, node.name or node.output[0])
            node.name = f"onlite_node_{index}"
        return model

    def _refuse_operators(self, model):
        unknown = {}

        def look(graph):
            for node in graph.node:
                if importlib.util.find_spec(f"onnx2tf.ops.{node.op_type}") is None:
                    unknown.setdefault(node.op_type, []).append(node.name or node.output[0])
                for attribute in node.attribute:
                    for inner in [attribute.g, *attribute.graphs]:
                        look(inner)

        look(model.graph)
        if unknown:
            raise without_converter("onnx2tf", unknown, "replace it in the model by others")

    def _samples(self, session, options):
        """One for each input, by which layouts are told apart."""
        import numpy

        random = numpy.random.default_rng(0)
        shapes = options.get("shapes", {})
        samples = {}
        for value in session.get_inputs():
            size = shapes.get(value.name) or [
                dim if isinstance(dim, int) else BATCH if axis == 0 else OPEN
                for axis, dim in enumerate(value.shape)
            ]
            kind = {"float": "float32", "double": "float64"}.get(value.type[7:-1], value.type[7:-1])
            if kind == "string" or not value.type.startswith("tensor("):
                raise Failure(
                    "input", f"TensorFlow Lite has no operators for the input '{value.name}', {value.type}"
                )
            if kind.startswith("float"):
                samples[value.name] = (2 * random.random(size) - 1).astype(kind)
            else:
                samples[value.name] = random.integers(0, 2, size).astype(kind)
        return samples

    def _remember(self, model):
        """Notes of each layer of a network which node of the model onnx2tf has made it of."""
        self._layers = {}

        def remembering(make):
            def make_node(*, graph_node, tf_layers_dict, **more):
                make(graph_node=graph_node, tf_layers_dict=tf_layers_dict, **more)
                made = [tf_layers_dict.get(each.name, {}).get("tf_node") for each in graph_node.outputs]
                waiting = [each.node.layer for each in made if hasattr(each, "node")]
                while waiting:
                    layer = waiting.pop()
                    # Those before it are another node's.
                    if id(layer) not in self._layers and graph_node.name in self._nodes:
                        self._layers[id(layer)] = (layer, self._nodes[graph_node.name])
                        before = [node.parent_nodes for node in layer.inbound_nodes]
                        waiting += [parent.layer for parents in before for parent in parents]

            make_node.original = make
            return make_node

        for kind in {node.op_type for node in model.graph.node}:
            module = importlib.import_module(f"onnx2tf.ops.{kind}")
            make = module.make_node
            module.make_node = remembering(getattr(make, "original", make))

    def _network(self, model, kept):
        import onnx

        copy = onnx.ModelProto()
        copy.CopyFrom(model)
        names = [value.name for value in copy.graph.input]
        self._remember(model)
        try:
            return self._onnx2tf.convert(
                onnx_graph=copy,
                output_folder_path=os.path.join(os.getcwd(), "onnx2tf"),
                keep_shape_absolutely_input_names=names if kept else None,
                not_use_onnxsim=True,
                disable_model_save=True,
                non_verbose=True,
            )
        except (Exception, SystemExit) as error:
            if getattr(error, "onnx_op_name", None) not in self._nodes:
                raise RuntimeError(f"onnx2tf: {error}") from error
            operator, name = self._nodes[error.onnx_op_name]
            words = str(error).strip().splitlines() or [type(error).__name__]
            # Of an initializer's input there is a shape, too, in old models: it is closed.
            dims = [dim for value in model.graph.input for dim in value.type.tensor_type.shape.dim]
            is_open = any(not dim.HasField("dim_value") for dim in dims)
            advice = "replace it in the model by others"
            raise Failure(
                "operator",
                f"onnx2tf cannot convert {operator} as it is used here: {words[0]}",
                f"give the sizes that are open with --shape, or {advice}" if is_open else advice,
                operators=[operator],
                layers=[name],
            ) from error

    def _best(self, model, samples, expected):
        """The network whose outputs are the source's; the nearest one where none is.

        onnx2tf takes each input of three dimensions and more to have its channels second; where it is
        another thing, such as a sequence, it has to be left alone.
        """
        ways = [False, True] if any(value.ndim > 2 for value in samples) else [False]
        found, refused = [], []
        for kept in ways:
            try:
                network = self._network(model, kept)
                found.append((self._distance(network, kept, samples, expected), kept, network))
            except Exception as error:
                refused.append(error)
                continue
            if found[-1][0] <= TOLERANCE:
                break
        if not found:
            raise refused[0]
        _, kept, network = min(found, key=lambda each: each[0])
        return network, kept

    def _distance(self, network, kept, samples, expected):
        return max(error for error, _ in self._matches(network, kept, samples, expected))

    def _layouts(self, network, kept, samples, expected):
        return [axes for _, axes in self._matches(network, kept, samples, expected)]

    def _matches(self, network, kept, samples, expected):
        """For each output: how far it is off, and the order of its axes that makes it the source's."""
        given = [
            self._tf.constant(value.transpose(self._axes(value.ndim, kept))) for value in samples
        ]
        found = [value.numpy() for value in self._tf.nest.flatten(network(given))]
        if len(found) != len(expected):
            raise RuntimeError(f"onnx2tf has made {len(found)} outputs of {len(expected)}")
        return [self._match(one, other) for one, other in zip(expected, found)]

    @staticmethod
    def _match(expected, found):
        import numpy

        scale = numpy.max(numpy.abs(expected[numpy.isfinite(expected)]), initial=1e-6)
        best = (numpy.inf, list(range(found.ndim)))
        if found.ndim != expected.ndim:
            return best
        likely = [list(range(found.ndim)), inverse(channels_last(found.ndim))]
        orders = [*likely, *map(list, itertools.permutations(range(found.ndim)))]
        for axes in orders:
            value = found.transpose(axes)
            if value.shape != expected.shape:
                continue
            same = (value == expected) | (numpy.isnan(expected) & numpy.isnan(value))
            off = numpy.where(same, 0, numpy.abs(value.astype("float64") - expected.astype("float64")))
            error = float(numpy.nan_to_num(off.max(initial=0), nan=numpy.inf)) / float(scale)
            if error < best[0]:
                best = (error, axes)
            if best[0] <= TOLERANCE:
                break
        return best

    @staticmethod
    def _axes(rank, kept):
        return list(range(rank)) if kept else channels_last(rank)

    def _signature(self, network, kept, layouts):
        tf = self._tf
        specs, orders = {}, []
        for index, tensor in enumerate(network.inputs):
            axes = self._axes(len(tensor.shape), kept)
            sizes = tensor.shape.as_list()
            shape = [sizes[axis] for axis in inverse(axes)]
            name = f"input_{index}"
            specs[name] = tf.TensorSpec(shape, tensor.dtype, name=name)
            orders.append(axes)

        def transposed(value, axes):
            return value if axes == sorted(axes) else tf.transpose(value, axes)

        def call(values):
            given = [transposed(values[name], axes) for name, axes in zip(specs, orders)]
            found = tf.nest.flatten(network(given, training=False))
            # An output that is an input, or another output, has to have a name of its own.
            return {
                f"output_{index}": tf.identity(transposed(value, axes))
                for index, (value, axes) in enumerate(zip(found, layouts))
            }

        traced = tf.function(call, autograph=False).get_concrete_function(specs)
        return Signature(specs, traced.structured_outputs, call)

    def _tflite_failure(self, error):
        failure = super()._tflite_failure(error)
        if not isinstance(failure, Failure):
            return failure
        missing = failure.facts["operators"]
        (function,) = (self._frozen(each) for each in self._signatures.values())
        graph = function.get_concrete_function().graph.as_graph_def()
        parts = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
        scopes = {scope for node in parts if node.op in missing for scope in node.name.split("/")}
        nodes = {node for layer, node in self._layers.values() if layer.name in scopes}
        of = f", which onnx2tf makes of {', '.join(sorted({kind for kind, _ in nodes}))}" if nodes else ""
        return Failure(
            "operator",
            f"TensorFlow Lite has no operator for {', '.join(missing)}{of}",
            "onlite's TensorFlow Lite has built-in operators alone: replace it in the model by others",
            operators=missing,
            layers=[name for _, name in nodes],
        )

    @staticmethod
    def _name(path, inputs, outputs):
        """Names of the source, which TensorFlow's functions could not have."""
        from tensorflow.lite.tools import flatbuffer_utils

        model = flatbuffer_utils.read_model(path)
        (signature,) = model.signatureDefs
        for end, names in ((signature.inputs, inputs), (signature.outputs, outputs)):
            for each in end:
                each.name = names[int(each.name.decode().rsplit("_", 1)[1])].encode()
        flatbuffer_utils.write_model(model, path)


if __name__ == "__main__":
    serve(Converter)
