"""scikit-learn's estimators and pipelines to ONNX, by skl2onnx."""

import os
import pickle
import re

from common import Failure, described, load_samples, save_onnx, save_samples, serve, versions


def load(source, trust):
    extension = os.path.splitext(source)[1].lower()
    if extension == ".skops":
        import skops.io

        unknown = skops.io.get_untrusted_types(file=source)
        if unknown and not trust:
            raise Failure(
                "untrusted",
                f"the file has types that skops does not know to be safe: {', '.join(unknown)}",
                "give --trust if you know who has made it",
            )
        return skops.io.load(source, trusted=unknown)
    if not trust:
        raise Failure(
            "untrusted",
            "a pickle, which joblib's files are too, runs code when it is opened",
            "give --trust if you know who has made it, or save the model with skops.io.dump",
        )
    if extension == ".joblib":
        import joblib

        return joblib.load(source)
    with open(source, "rb") as file:
        return pickle.load(file)


class Converter:
    def __init__(self, progress):
        self._progress = progress
        import skl2onnx
        import sklearn

        self._skl2onnx = skl2onnx
        self._sklearn = sklearn

    def convert(self, request):
        self._progress("loading")
        options = request["options"]
        try:
            model = load(request["source"], options.get("trust", False))
        except Failure:
            raise
        except ModuleNotFoundError as error:
            raise Failure(
                "source",
                f"the model needs the module '{error.name}', which the converter's Python has not",
                "name a Python that has it, skl2onnx and onnx with --python",
            ) from error
        if not hasattr(model, "predict") and not hasattr(model, "transform"):
            raise Failure("source", f"a {type(model).__name__} is no estimator of scikit-learn")
        self._model = model
        types, inputs = self._inputs(model, options)
        self._progress("converting")
        converted = self._to_onnx(model, types, options)
        save_onnx(converted, request["target"])
        outputs = [
            described(value.name, self._dtype(value), self._dims(value))
            for value in converted.graph.output
        ]
        notes = []
        saved = getattr(model, "__sklearn_version__", None)
        if saved and saved != self._sklearn.__version__:
            notes.append(f"saved by scikit-learn {saved}, read by {self._sklearn.__version__}")
        return {
            "signatures": {"": {"inputs": inputs, "outputs": outputs}},
            "versions": versions("scikit-learn", "skl2onnx", "onnx"),
            "notes": notes,
        }

    def _inputs(self, model, options):
        from skl2onnx.common.data_types import FloatTensorType, StringTensorType

        shapes = options.get("shapes", {})
        unknown = [name for name in shapes if name != "X"]
        if unknown:
            raise Failure("input", f"--shape {unknown[0]}: the only input is X")
        width = getattr(model, "n_features_in_", None)
        if width is None and "X" in shapes:
            width = shapes["X"][-1]
        first = model.steps[0][1] if hasattr(model, "steps") else model
        if width is None and hasattr(first, "vocabulary_"):
            return [("X", StringTensorType([None]))], [described("X", "string", [None])]
        if width is None:
            raise Failure(
                "input",
                "the model does not say how many features it takes",
                "give them: --shape X=1,FEATURES",
            )
        batch = shapes["X"][0] if "X" in shapes else None
        return [("X", FloatTensorType([batch, width]))], [described("X", "float32", [batch, width])]

    def _to_onnx(self, model, types, options):
        from skl2onnx.common.exceptions import MissingConverter, MissingShapeCalculator

        more = {}
        if hasattr(model, "predict_proba") or getattr(model, "_estimator_type", "") == "classifier":
            # Probabilities as one tensor, not as a list of dictionaries.
            more["options"] = {id(model): {"zipmap": False}}
        try:
            return self._skl2onnx.convert_sklearn(
                model,
                name="model",
                initial_types=types,
                target_opset=options.get("opset") or 18,
                **more,
            )
        except (MissingConverter, MissingShapeCalculator) as error:
            found = re.search(r"type '?<class '([\w.]+)'>", str(error))
            name = found[1].rsplit(".", 1)[-1] if found else "?"
            raise Failure(
                "operator",
                f"skl2onnx has no converter for {name}",
                "use another estimator for this step, or convert the steps without it",
                operators=[name],
                layers=self._steps(model, name),
            ) from error

    @staticmethod
    def _steps(model, name):
        steps = getattr(model, "steps", [])
        return [step for step, part in steps if type(part).__name__ == name]

    @staticmethod
    def _dtype(value):
        import onnx

        if not value.type.HasField("tensor_type"):
            return "sequence"
        return onnx.helper.tensor_dtype_to_np_dtype(value.type.tensor_type.elem_type)

    @staticmethod
    def _dims(value):
        dims = value.type.tensor_type.shape.dim
        return [dim.dim_value if dim.HasField("dim_value") and dim.dim_value else None for dim in dims]

    def run(self, request):
        results = []
        for sample in load_samples(request["inputs"]):
            values = sample["X"]
            found = {}
            for name in request["names"]:
                method = self._method(name)
                if method is None:
                    continue
                value = method(values)
                found[name] = value.toarray() if hasattr(value, "toarray") else value
            results.append(found)
        save_samples(request["outputs"], results)
        return {}

    def _method(self, output):
        """Which of a model's methods an output of skl2onnx is."""
        names = {
            "label": ("predict",),
            "output_label": ("predict",),
            "probabilities": ("predict_proba", "decision_function"),
            "output_probability": ("predict_proba", "decision_function"),
            "scores": ("decision_function", "transform"),
            "variable": ("predict", "transform"),
        }.get(output, ("predict", "transform"))
        return next((getattr(self._model, name) for name in names if hasattr(self._model, name)), None)


if __name__ == "__main__":
    serve(Converter)
