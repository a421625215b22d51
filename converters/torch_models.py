"""PyTorch's exported programs (.pt2) and TorchScript to ONNX, by torch.onnx."""

import inspect
import warnings

from common import Failure, described, load_samples, save_samples, serve, versions

OPSET = 18


class Converter:
    def __init__(self, progress):
        self._progress = progress
        import torch

        self._torch = torch
        warnings.simplefilter("ignore")

    def convert(self, request):
        self._progress("loading")
        torch, options = self._torch, request["options"]
        self._options = options
        torch.manual_seed(0)
        if request["kind"] == "torch-export":
            model, arguments, inputs, names, dynamic = self._exported(request["source"])
        else:
            model, arguments, inputs, names, dynamic = self._script(request["source"])
        self._progress("converting")
        with torch.no_grad():
            found = self._flat(self._call(arguments))
        outputs = names or [f"output_{index}" for index in range(len(found))]
        if len(found) == 1 and not names:
            outputs = ["output"]
        self._inputs = [each["name"] for each in inputs]
        self._outputs = outputs
        self._export(model, arguments, outputs, dynamic, request)
        open_batch = bool(dynamic) or any(each["shape"][:1] == [None] for each in inputs)
        return {
            "signatures": {
                "": {
                    "inputs": inputs,
                    "outputs": [
                        described(name, value.dtype, self._open(value.shape, open_batch))
                        for name, value in zip(outputs, found)
                    ],
                }
            },
            "versions": versions("torch", "onnx"),
            "notes": [],
        }

    @staticmethod
    def _open(shape, is_open):
        # Which of an output's dimensions follow the inputs' is not known before it runs.
        return [None] * len(shape) if is_open else list(shape)

    def _flat(self, value):
        if isinstance(value, self._torch.Tensor):
            return [value]
        values = list(value.values()) if isinstance(value, dict) else list(value)
        return [each for value in values for each in self._flat(value)]

    def _exported(self, source):
        torch = self._torch
        if not hasattr(torch, "export"):
            raise Failure(
                "source",
                f"torch {torch.__version__} cannot read exported programs",
                "use a newer torch, or save the model as TorchScript with torch.jit.trace",
            )
        program = torch.export.load(source)
        self._call = lambda values: program.module()(*values)
        given = program.example_inputs
        if given is None or given[1]:
            raise Failure(
                "source",
                "the exported program has no example of its inputs, or named ones",
                "export it with positional arguments: torch.export.export(model, (x, …))",
            )
        arguments = tuple(given[0])
        names = list(program.graph_signature.user_inputs)
        values = {node.name: node.meta.get("val") for node in program.graph.nodes}
        inputs = [described(name, values[name].dtype, self._sizes(values[name])) for name in names]
        return program, arguments, inputs, None, None

    @staticmethod
    def _sizes(value):
        return [int(size) if isinstance(size, int) else None for size in value.shape]

    def _script(self, source):
        torch, options = self._torch, self._options
        try:
            model = torch.jit.load(source, map_location="cpu").eval()
        except RuntimeError as error:
            raise Failure(
                "source",
                "the file is no TorchScript: weights alone, or a pickled module, have no graph",
                "save the model with torch.jit.trace(model, example).save(file), or torch.export.save",
            ) from error
        shapes, types = options.get("shapes", {}), options.get("types", {})
        names = [argument.name for argument in model.forward.schema.arguments[1:]]
        missing = [name for name in names if name not in shapes]
        unknown = [name for name in shapes if name not in names]
        if missing or unknown:
            what = f"--shape {unknown[0]}: " if unknown else "TorchScript has no sizes of its inputs: "
            raise Failure(
                "input",
                f"{what}the inputs are {', '.join(names)}",
                "give each, such as " + " ".join(f"--shape {name}=1,3" for name in missing or names),
            )
        arguments, inputs = [], []
        for name in names:
            dtype = getattr(torch, types.get(name, "float32"))
            size = shapes[name]
            if dtype.is_floating_point:
                arguments.append(torch.rand(size, dtype=dtype))
            else:
                arguments.append(torch.zeros(size, dtype=dtype))
            batch = [None] if options.get("dynamicBatch") else size[:1]
            inputs.append(described(name, dtype, [*batch, *size[1:]]))
        self._call = lambda values: model(*values)
        return model, tuple(arguments), inputs, None, options.get("dynamicBatch")

    def _export(self, model, arguments, outputs, dynamic, request):
        torch = self._torch
        export = torch.onnx.export
        known = inspect.signature(export).parameters
        more = {}
        if request["kind"] == "torch-export":
            more["dynamo"] = True
            more["verbose"] = False
        elif "dynamo" in known:
            more["dynamo"] = False
        if "external_data" in known and more.get("dynamo"):
            more["external_data"] = False
        if dynamic:
            # Every output's first dimension is taken for the batch; the check shows where it is not.
            names = [*self._inputs, *outputs]
            more["dynamic_axes"] = {name: {0: "batch"} for name in names}
        newest = 17 if torch.__version__.startswith("1.") else OPSET
        try:
            export(
                model,
                arguments,
                request["target"],
                input_names=self._inputs,
                output_names=outputs,
                opset_version=self._options.get("opset") or min(newest, OPSET),
                **more,
            )
        except ModuleNotFoundError:
            raise
        self._canonical(request["target"])

    @staticmethod
    def _canonical(path):
        """Without what differs each time, such as paths of source files in a node's documentation."""
        try:
            import onnx
        except ImportError:
            return
        model = onnx.load(path, load_external_data=False)
        for node in model.graph.node:
            node.doc_string = ""
            del node.metadata_props[:]
        for value in [*model.graph.value_info, *model.graph.input, *model.graph.output]:
            if hasattr(value, "metadata_props"):
                del value.metadata_props[:]
        with open(path, "wb") as file:
            file.write(model.SerializeToString(deterministic=True))

    def run(self, request):
        torch = self._torch
        results = []
        with torch.no_grad():
            for sample in load_samples(request["inputs"]):
                values = tuple(torch.from_numpy(sample[name]) for name in self._inputs)
                found = self._flat(self._call(values))
                results.append(
                    {name: value.numpy() for name, value in zip(self._outputs, found)}
                )
        save_samples(request["outputs"], results)
        return {}


if __name__ == "__main__":
    serve(Converter)
