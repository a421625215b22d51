"""Calls a server with a real client over gRPC. usage: grpc_clients.py triton|kserve|tfserving HOST:PORT

A process each: those of Triton and KServe both define messages of the package inference, and cannot be
imported together. The models are fixtures under the names that run.mjs gives them.
"""

import asyncio
import sys

import numpy as np

name, address = sys.argv[1:]
FLOATS = np.array([[1, 2.5, -3], [np.nan, np.inf, 0.1]], np.float32)
TYPES = {
    "bool": "BOOL",
    "uint8": "UINT8",
    "uint16": "UINT16",
    "uint32": "UINT32",
    "uint64": "UINT64",
    "int8": "INT8",
    "int16": "INT16",
    "int32": "INT32",
    "int64": "INT64",
    "float16": "FP16",
    "float32": "FP32",
    "float64": "FP64",
}


def rows(model):
    dtype = np.dtype(model)
    if dtype == np.bool_:
        return np.array([[True, False, True]])
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        return np.array([[info.min, 0, info.max]], dtype)
    return np.array([[0.1, np.nan, -np.inf]], dtype)


def same(got, expected):
    assert got is not None, "no such output"
    assert got.dtype == expected.dtype, f"{got.dtype} for {expected.dtype}"
    np.testing.assert_array_equal(got, expected)


def triton():
    import queue

    import tritonclient.grpc as grpc
    import tritonclient.grpc.aio as grpc_aio
    from tritonclient.utils import InferenceServerException

    def feed(datatype, array, tensor="x"):
        given = grpc.InferInput(tensor, array.shape, datatype)
        given.set_data_from_numpy(array)
        return given

    client = grpc.InferenceServerClient(address)
    assert client.is_server_live() and client.is_server_ready() and client.is_model_ready("float32")
    assert "statistics" in client.get_server_metadata().extensions
    described = client.get_model_metadata("float32").inputs[0]
    assert (described.name, described.datatype, list(described.shape)) == ("x", "FP32", [-1, 3])
    config = client.get_model_config("float32").config
    assert config.input[0].dims == [-1, 3] and config.backend == "onnxruntime", config
    assert "float32" in {model.name for model in client.get_model_repository_index().models}
    for model, datatype in TYPES.items():
        same(client.infer(model, [feed(datatype, rows(model))]).as_numpy("y"), rows(model))
    strings = np.array([["a", "ü", ""]], dtype=object)
    answer = client.infer("string", [feed("BYTES", strings)]).as_numpy("y")
    assert [text.decode() for text in answer[0]] == ["a", "ü", ""], answer
    statistics = client.get_inference_statistics("float32").model_stats[0]
    assert statistics.inference_stats.success.count >= 1, statistics
    answer = client.infer(
        "float32",
        [feed("FP32", FLOATS)],
        outputs=[grpc.InferRequestedOutput("y")],
        request_id="id 1",
        priority=1,
        timeout=10_000_000,
        parameters={"mine": "yes"},
        compression_algorithm="gzip",
    )
    assert answer.get_response().id == "id 1"
    same(answer.as_numpy("y"), FLOATS)
    for call, status in [
        (lambda: client.infer("none", [feed("FP32", FLOATS)]), "StatusCode.NOT_FOUND"),
        (lambda: client.infer("float32", [feed("FP32", FLOATS.T)]), "StatusCode.INVALID_ARGUMENT"),
        (lambda: client.load_model("add"), "StatusCode.PERMISSION_DENIED"),
    ]:
        try:
            call()
        except InferenceServerException as error:
            assert error.status() == status, error
        else:
            raise AssertionError("expected an error")

    answers = queue.Queue()
    client.start_stream(callback=lambda result, error: answers.put((result, error)))
    for model in ("float32", "none", "float32"):
        client.async_stream_infer(model, [feed("FP32", FLOATS)], enable_empty_final_response=True)
    (first, no_error), (_, error), (last, _) = [answers.get(timeout=60) for _ in range(3)]
    assert no_error is None and "none" in error.message(), error
    assert last.get_response().parameters["triton_final_response"].bool_param
    same(first.as_numpy("y"), FLOATS)
    same(last.as_numpy("y"), FLOATS)
    client.stop_stream()
    client.close()

    async def asynchronous():
        async with grpc_aio.InferenceServerClient(address) as aio:
            calls = [aio.infer("float32", [feed("FP32", FLOATS)]) for _ in range(20)]
            for answer in await asyncio.gather(*calls):
                same(answer.as_numpy("y"), FLOATS)

    asyncio.run(asynchronous())


def kserve():
    from kserve import InferenceGRPCClient, InferInput, InferRequest

    async def run():
        client = InferenceGRPCClient(address)
        assert await client.is_server_live() and await client.is_server_ready()
        assert await client.is_model_ready("float32")
        # Raw, and as typed contents.
        for raw in (True, False):
            given = InferInput("x", list(FLOATS.shape), "FP32")
            given.set_data_from_numpy(FLOATS, binary_data=raw)
            answer = await client.infer(InferRequest("float32", [given], request_id="id 2"))
            assert answer.id == "id 2"
            same(answer.outputs[0].as_numpy(), FLOATS)
        await client.close()

    asyncio.run(run())


def tfserving():
    import grpc
    import ml_dtypes
    from tensorflow.core.framework import tensor_pb2, types_pb2
    from tensorflow_serving.apis import classification_pb2, get_model_metadata_pb2, get_model_status_pb2
    from tensorflow_serving.apis import model_service_pb2_grpc, predict_pb2, prediction_service_pb2_grpc

    DTYPES = {
        "bool": types_pb2.DT_BOOL,
        "float16": types_pb2.DT_HALF,
        "bfloat16": types_pb2.DT_BFLOAT16,
        "float32": types_pb2.DT_FLOAT,
        "float64": types_pb2.DT_DOUBLE,
        "object": types_pb2.DT_STRING,
        **{name: getattr(types_pb2, f"DT_{name.upper()}") for name in TYPES if "int" in name},
    }
    FIELDS = {
        "bool": "bool_val",
        "float16": "half_val",
        "bfloat16": "half_val",
        "float32": "float_val",
        "float64": "double_val",
        "int64": "int64_val",
        "uint32": "uint32_val",
        "uint64": "uint64_val",
        "object": "string_val",
    }

    # As TensorFlow's make_tensor_proto and make_ndarray, which need all of it.
    def tensor_proto(array):
        proto = tensor_pb2.TensorProto(dtype=DTYPES[array.dtype.name])
        for size in array.shape:
            proto.tensor_shape.dim.add(size=size)
        if array.dtype == object:
            proto.string_val.extend(text.encode() for text in array.flat)
        else:
            proto.tensor_content = array.tobytes()
        return proto

    def ndarray(proto):
        name = next(name for name, dtype in DTYPES.items() if dtype == proto.dtype)
        shape = [dim.size for dim in proto.tensor_shape.dim]
        dtype = np.dtype(ml_dtypes.bfloat16) if name == "bfloat16" else np.dtype(name)
        if proto.tensor_content:
            return np.frombuffer(proto.tensor_content, dtype).reshape(shape)
        values = list(getattr(proto, FIELDS.get(name, "int_val")))
        if FIELDS.get(name) == "half_val":
            return np.array(values, np.uint16).view(dtype).reshape(shape)
        # One value, or the last one, fills the rest.
        values += values[-1:] * (int(np.prod(shape)) - len(values))
        return np.array(values, dtype).reshape(shape)

    channel = grpc.insecure_channel(address)
    service = prediction_service_pb2_grpc.PredictionServiceStub(channel)
    for model in [*TYPES, "bfloat16", "string"]:
        if model == "string":
            data = np.array([["a", "ü", ""]], dtype=object)
        elif model == "bfloat16":
            data = np.array([[0.1, np.nan, -np.inf]], ml_dtypes.bfloat16)
        else:
            data = rows(model)
        request = predict_pb2.PredictRequest()
        request.model_spec.name = model
        request.inputs["x"].CopyFrom(tensor_proto(data))
        answer = service.Predict(request)
        got = ndarray(answer.outputs["y"])
        if model == "string":
            assert [text.decode() for text in got[0]] == ["a", "ü", ""], got
        elif model == "bfloat16":
            # numpy does not know that its NaN is one.
            same(got.view(np.uint16), data.view(np.uint16))
        else:
            same(got, data)
        assert answer.model_spec.version.value == 1
    request = predict_pb2.PredictRequest(output_filter=["sum"])
    request.model_spec.name = "add"
    request.model_spec.version.value = 1
    # One value fills the shape.
    filled = tensor_pb2.TensorProto(dtype=types_pb2.DT_FLOAT, float_val=[2.0])
    filled.tensor_shape.dim.add(size=4)
    request.inputs["a"].CopyFrom(filled)
    request.inputs["b"].CopyFrom(tensor_proto(np.array([1, 2, 3, 4], np.float32)))
    same(ndarray(service.Predict(request).outputs["sum"]), np.array([3, 4, 5, 6], np.float32))

    metadata = get_model_metadata_pb2.GetModelMetadataRequest(metadata_field=["signature_def"])
    metadata.model_spec.name = "float32"
    signatures = get_model_metadata_pb2.SignatureDefMap()
    assert service.GetModelMetadata(metadata).metadata["signature_def"].Unpack(signatures)
    info = signatures.signature_def["serving_default"].inputs["x"]
    assert (info.name, info.dtype) == ("x", types_pb2.DT_FLOAT), info
    assert [dim.size for dim in info.tensor_shape.dim] == [-1, 3], info

    examples = classification_pb2.ClassificationRequest()
    examples.model_spec.name = "float32"
    example = examples.input.example_list.examples.add()
    example.features.feature["x"].float_list.value.extend([0.5, 1.5, 2.5])
    (found,) = service.Classify(examples).result.classifications
    assert [one.score for one in found.classes] == [0.5, 1.5, 2.5], found

    status = get_model_status_pb2.GetModelStatusRequest()
    status.model_spec.name = "float32"
    models = model_service_pb2_grpc.ModelServiceStub(channel)
    (version,) = models.GetModelStatus(status).model_version_status
    assert (version.version, version.state) == (1, 30), version
    status.model_spec.name = "none"
    try:
        models.GetModelStatus(status)
    except grpc.RpcError as error:
        assert error.code() == grpc.StatusCode.NOT_FOUND, error
    else:
        raise AssertionError("expected an error")


{"triton": triton, "kserve": kserve, "tfserving": tfserving}[name]()
print("ok", name, "over gRPC", flush=True)
