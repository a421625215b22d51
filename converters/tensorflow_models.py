"""Keras and SavedModel to TensorFlow Lite by TensorFlow's converter, and to ONNX by tf2onnx; TensorFlow
Lite to ONNX by tf2onnx."""

import os
import re
import tempfile

from common import (
    Failure,
    canonical_onnx,
    described,
    load_samples,
    rename_onnx,
    save_onnx,
    save_samples,
    serve,
    versions,
    without_converter,
)

# The newest that tf2onnx writes.
OPSET = 18

# Kinds of nodes of a graph that change a variable.
ASSIGNING = re.compile(r"^Assign\w*VariableOp$|^ResourceScatter|^ResourceApply")


class Signature:
    """A function of a model, from arrays by name to arrays by name."""

    def __init__(self, inputs, outputs, call):
        self.inputs = inputs  # TensorSpec by name, in the model's order
        self.outputs = outputs
        self.call = call


class Converter:
    def __init__(self, progress):
        self._progress = progress
        import tensorflow

        self._tf = tensorflow
        self._signatures = {}

    def convert(self, request):
        self._progress("loading")
        source, kind, options = request["source"], request["kind"], request["options"]
        if kind == "tflite":
            return self._tflite_to_onnx(request)
        read = {"keras": self._keras, "saved-model": self._saved_model}[kind]
        self._signatures = self._chosen(read(source, options), options, request["format"])
        self._progress("converting")
        if request["format"] == "tflite":
            self._to_tflite(request)
            used = versions("tensorflow", "keras") if kind == "keras" else versions("tensorflow")
        else:
            self._to_onnx(request)
            used = versions("tensorflow", "tf2onnx", "onnx")
        return {
            "signatures": {
                key: {
                    "inputs": [
                        described(name, spec.dtype, spec.shape.as_list())
                        for name, spec in signature.inputs.items()
                    ],
                    "outputs": [
                        described(name, spec.dtype, spec.shape.as_list())
                        for name, spec in signature.outputs.items()
                    ],
                }
                for key, signature in self._signatures.items()
            },
            "versions": used,
            "notes": self._notes,
        }

    def _keras(self, source, options):
        import zipfile

        import keras

        tf = self._tf
        self._notes = []
        try:
            model = keras.saving.load_model(
                source, compile=False, safe_mode=not options.get("trust", False)
            )
        except ValueError as error:
            if "safe_mode" in str(error) or "unsafe" in str(error):
                raise Failure(
                    "untrusted",
                    "the model has a Lambda layer, which runs code when it is opened",
                    "give --trust if you know who has made it",
                ) from error
            raise
        except zipfile.BadZipFile as error:
            raise Failure(
                "source", f"the archive cannot be read: {error}", "export or download the model anew"
            ) from error
        self._model = model
        if not getattr(model, "inputs", None):
            raise Failure(
                "input",
                "the model has no declared inputs",
                "begin it with keras.Input, or export it as a SavedModel with model.export(folder)",
            )
        shapes = dict(options.get("shapes", {}))
        specs = {}
        for tensor in model.inputs:
            shape = shapes.pop(tensor.name, None) or list(tensor.shape)
            specs[tensor.name] = tf.TensorSpec(shape, tensor.dtype, name=tensor.name)
        self._refuse_unknown(shapes, specs)
        # A Sequential has no names of its outputs; a Functional gives them those of the layers.
        names = list(getattr(model, "output_names", None) or [model.layers[-1].name])
        if len(set(names)) < len(names):
            names = [f"{name}_{index}" for index, name in enumerate(names)]
        inputs = list(specs)

        def call(values):
            given = [values[name] for name in inputs]
            found = model(given if len(given) > 1 else given[0], training=False)
            return dict(zip(names, tf.nest.flatten(found)))

        outputs = tf.function(lambda values: call(values)).get_concrete_function(specs)
        shaped = {name: outputs.structured_outputs[name] for name in names}
        return {"serving_default": Signature(specs, shaped, call)}

    def _saved_model(self, source, options):
        tf = self._tf
        self._notes = []
        self._loaded = tf.saved_model.load(source)
        found = {}
        shapes = dict(options.get("shapes", {}))
        used = set()
        for key, function in self._loaded.signatures.items():
            specs = {}
            for name, spec in sorted(function.structured_input_signature[1].items()):
                shape = shapes.get(name) or spec.shape
                used.add(name)
                specs[name] = tf.TensorSpec(shape, spec.dtype, name=name)
            # A file has them in no order: that of a protobuf map, which differs each time.
            outputs = dict(sorted(function.structured_outputs.items()))
            found[key] = Signature(specs, outputs, lambda values, call=function: call(**values))
        if not found:
            raise Failure(
                "source",
                "the SavedModel has no signature",
                "save it with model.export(folder), or tf.saved_model.save(…, signatures=…)",
            )
        self._refuse_unknown({name: 0 for name in shapes if name not in used}, used)
        return found

    @staticmethod
    def _refuse_unknown(shapes, known):
        for name in shapes:
            raise Failure("input", f"--shape {name}: the inputs are {', '.join(sorted(known))}")

    def _chosen(self, signatures, options, format_):
        wanted = options.get("signature")
        if wanted is not None:
            if wanted not in signatures:
                raise Failure(
                    "option", f"--signature {wanted}: the model has {', '.join(sorted(signatures))}"
                )
            return {wanted: signatures[wanted]}
        if format_ == "tflite" or len(signatures) == 1:
            return dict(sorted(signatures.items()))
        if "serving_default" not in signatures:
            raise Failure(
                "option",
                f"an ONNX model has one signature, this one has {', '.join(sorted(signatures))}",
                "choose one with --signature",
            )
        others = sorted(set(signatures) - {"serving_default"})
        self._notes.append(f"ONNX has one signature: {', '.join(others)} left out (--signature)")
        return {"serving_default": signatures["serving_default"]}

    def _function(self, signature):
        """With the inputs as named arguments in order: what tf2onnx takes."""
        names = list(signature.inputs)

        def function(*values):
            return signature.call(dict(zip(names, values)))

        specs = list(signature.inputs.values())
        return self._tf.function(function, input_signature=specs, autograph=False), specs

    def _frozen(self, signature):
        """A signature whose variables are constants; itself where it changes them."""
        from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

        tf = self._tf
        names = sorted(signature.inputs)
        specs = [signature.inputs[name] for name in names]
        traced = tf.function(
            lambda *values: signature.call(dict(zip(names, values))),
            input_signature=specs,
            autograph=False,
        ).get_concrete_function()
        graph = traced.graph.as_graph_def()
        nodes = [*graph.node, *(node for each in graph.library.function for node in each.node_def)]
        if any(ASSIGNING.search(node.op) for node in nodes):
            return tf.function(lambda *values: traced(*values), input_signature=specs)
        constant = convert_variables_to_constants_v2(traced)
        outputs = sorted(signature.outputs)

        def function(*values):
            return dict(zip(outputs, tf.nest.flatten(constant(*values))))

        return tf.function(function, input_signature=specs, autograph=False)

    def _to_tflite(self, request):
        tf = self._tf
        module = tf.Module()
        # What a function changes has to be seen from the module.
        module.origin = getattr(self, "_loaded", None)
        functions = {key: self._frozen(each) for key, each in self._signatures.items()}
        module.functions = functions
        with tempfile.TemporaryDirectory() as folder:
            saved = os.path.join(folder, "model")
            concrete = {key: each.get_concrete_function() for key, each in functions.items()}
            tf.saved_model.save(module, saved, signatures=concrete)
            converter = tf.lite.TFLiteConverter.from_saved_model(
                saved, signature_keys=list(functions)
            )
            if request["options"].get("float16"):
                converter.optimizations = [tf.lite.Optimize.DEFAULT]
                converter.target_spec.supported_types = [tf.float16]
            try:
                content = converter.convert()
            except Exception as error:
                raise self._tflite_failure(error) from error
        with open(request["target"], "wb") as file:
            file.write(content)

    @staticmethod
    def _tflite_failure(error):
        text = str(error)
        operators = re.findall(r"\btf\.(\w+)\(", text) + re.findall(r"'tf\.(\w+)' op", text)
        layers = re.findall(r'loc\(fused\["\w+:", "([^"@]+)@?', text) + re.findall(
            r'callsite\("([^"@]+)', text
        )
        if not operators:
            return error
        return Failure(
            "operator",
            f"TensorFlow Lite has no operator for {', '.join(sorted(set(operators)))}",
            "onlite's TensorFlow Lite has built-in operators alone: replace it in the model by others, "
            "or convert to ONNX",
            operators=operators,
            layers=layers,
        )

    def _to_onnx(self, request):
        import tf2onnx

        (signature,) = self._signatures.values()
        function, specs = self._function(signature)
        model = self._by_tf2onnx(
            lambda opset: tf2onnx.convert.from_function(
                function, input_signature=specs, opset=opset
            ),
            request,
        )
        names = {}
        for value, name in zip(model.graph.output, sorted(signature.outputs)):
            # The graph has a dictionary's values in the order of its keys.
            if value.name not in signature.outputs:
                names[value.name] = name
        for value, name in zip(model.graph.input, signature.inputs):
            if value.name not in signature.inputs:
                names[value.name] = name
        rename_onnx(model, names)
        order = {name: index for index, name in enumerate(signature.outputs)}
        outputs = sorted(model.graph.output, key=lambda value: order.get(value.name, 0))
        del model.graph.output[:]
        model.graph.output.extend(outputs)
        canonical_onnx(model)
        save_onnx(model, request["target"])

    def _by_tf2onnx(self, convert, request):
        import logging

        said = []

        class Listener(logging.Handler):
            def emit(self, record):
                said.append(record.getMessage())

        logging.getLogger("tf2onnx").addHandler(Listener())
        opset = request["options"].get("opset") or OPSET
        try:
            model, _ = convert(opset)
        except ValueError as error:
            if "opset" in str(error).lower():
                raise Failure("option", f"--opset {opset}: {error}") from error
            raise
        unsupported = {}
        for text in said:
            found = re.match(r"Tensorflow op \[(.+): (\w+)\] is not supported", text)
            if found:
                unsupported.setdefault(found[2], []).append(found[1])
        if unsupported:
            raise without_converter(
                "tf2onnx",
                unsupported,
                "replace it in the model by others, or convert to TensorFlow Lite",
            )
        return model

    def _tflite_to_onnx(self, request):
        import tf2onnx

        self._progress("converting")
        model = self._by_tf2onnx(
            lambda opset: tf2onnx.convert.from_tflite(request["source"], opset=opset), request
        )
        canonical_onnx(model)
        save_onnx(model, request["target"])
        return {"versions": versions("tensorflow", "tf2onnx", "onnx"), "notes": []}

    def run(self, request):
        tf = self._tf
        signature = self._signatures[request["signature"]]
        results = []
        for sample in load_samples(request["inputs"]):
            values = {
                name: tf.constant(sample[name], dtype=spec.dtype)
                for name, spec in signature.inputs.items()
            }
            found = signature.call(values)
            results.append({name: value.numpy() for name, value in found.items()})
        save_samples(request["outputs"], results)
        return {}


if __name__ == "__main__":
    serve(Converter)
