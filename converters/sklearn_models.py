"""scikit-learn's estimators and pipelines to ONNX, by skl2onnx."""

import os
import pickle
import re

from common import (
    Failure,
    described,
    load_samples,
    rename_onnx,
    save_onnx,
    save_samples,
    serve,
    versions,
)


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


def parts(estimator):
    """An estimator, or the steps of a pipeline, those within others too."""
    steps = getattr(estimator, "steps", None)
    return [each for _, step in steps for each in parts(step)] if steps else [estimator]


def columns(model):
    """Name, type and known values of each column that a ColumnTransformer uses of a table; or None."""
    from sklearn.compose import ColumnTransformer

    first = parts(model)[0]
    names = getattr(first, "feature_names_in_", None)
    if not isinstance(first, ColumnTransformer) or names is None:
        return None
    found = {}
    for name, part, _ in first.transformers_:
        if isinstance(part, str) and part == "drop":
            continue
        indices = list(first._transformer_to_input_indices[name])
        kinds = [("float32", None)] * len(indices)
        for step in parts(part):
            categories = getattr(step, "categories_", [])
            if hasattr(step, "vocabulary_"):
                kinds = [("string", list(step.vocabulary_)[:100])] * len(indices)
            elif len(categories) == len(indices):
                kinds = [kind_of(values) for values in categories]
            else:
                continue
            break
        for index, kind in zip(indices, kinds):
            # Where several use one, what one knows of it holds for all.
            if found.get(str(names[index]), ("float32", None)) == ("float32", None):
                found[str(names[index])] = kind
    order = {str(name): index for index, name in enumerate(names)}
    return {name: found[name] for name in sorted(found, key=order.get)}


def kind_of(categories):
    kind = categories.dtype.kind
    # Not what stands for a missing value.
    known = [value for value in categories.tolist() if value is not None and value == value]
    if kind in "OUST" and all(isinstance(value, str) for value in known):
        return "string", known
    return ("int64" if kind in "iu" else "float32"), known


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
        if len(converted.graph.input) == len(inputs):
            # skl2onnx puts underscores in the place of other characters.
            names = [value.name for value in converted.graph.input]
            rename_onnx(converted, dict(zip(names, (each["name"] for each in inputs))))
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
        self._columns = columns(model)
        if self._columns is not None:
            return self._column_inputs(shapes)
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

    def _column_inputs(self, shapes):
        from skl2onnx.common import data_types

        kinds = {
            "float32": data_types.FloatTensorType,
            "int64": data_types.Int64TensorType,
            "string": data_types.StringTensorType,
        }
        for name in shapes:
            known = ", ".join(self._columns)
            raise Failure("input", f"--shape {name}: the inputs are columns of one value a row: {known}")
        types = [(name, kinds[kind]([None, 1])) for name, (kind, _) in self._columns.items()]
        inputs = [
            described(name, kind, [None, 1], **({"values": values} if values else {}))
            for name, (kind, values) in self._columns.items()
        ]
        return types, inputs

    def _table(self, sample):
        """What the model takes: a table where its columns have names."""
        if self._columns is None:
            return sample["X"]
        import pandas

        values = {name: sample[name].reshape(-1) for name in self._columns}
        texts = [name for name, (kind, _) in self._columns.items() if kind == "string"]
        return pandas.DataFrame(values).astype({name: object for name in texts})

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
            values = self._table(sample)
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
