"""Calls a server with the real clients of Triton and KServe. usage: clients.py HOST:PORT

The models are fixtures under the names that run.mjs gives them; each check raises if it fails.
"""

import asyncio
import sys

import ml_dtypes
import numpy as np
import tritonclient.http as triton
import tritonclient.http.aio as triton_aio
from kserve import InferInput, InferRequest, InferenceRESTClient, RESTConfig
from tritonclient.utils import InferenceServerException

address = sys.argv[1]
url = f"http://{address}"
checks = []


def check(function):
    checks.append(function)
    return function


def same(got, expected):
    assert got is not None, "no such output"
    assert got.dtype == expected.dtype, f"{got.dtype} for {expected.dtype}"
    np.testing.assert_array_equal(got, expected)


def feed(name, datatype, array, binary=True):
    given = triton.InferInput(name, array.shape, datatype)
    given.set_data_from_numpy(array, binary_data=binary)
    return given


def raises(call, status, *words):
    try:
        call()
    except InferenceServerException as error:
        assert error.status() == status, error.status()
        assert all(word in error.message() for word in words), error.message()
    else:
        raise AssertionError("expected an error")


ROWS = {
    "bool": ("BOOL", np.bool_),
    "uint8": ("UINT8", np.uint8),
    "uint16": ("UINT16", np.uint16),
    "uint32": ("UINT32", np.uint32),
    "uint64": ("UINT64", np.uint64),
    "int8": ("INT8", np.int8),
    "int16": ("INT16", np.int16),
    "int32": ("INT32", np.int32),
    "int64": ("INT64", np.int64),
    "float16": ("FP16", np.float16),
    "float32": ("FP32", np.float32),
    "float64": ("FP64", np.float64),
}


def rows(dtype):
    if dtype == np.bool_:
        return np.array([[True, False, True], [False, False, True]])
    if np.issubdtype(dtype, np.integer):
        info = np.iinfo(dtype)
        return np.array([[info.min, 0, info.max], [1, 2, 3]], dtype)
    info = np.finfo(dtype)
    return np.array([[info.min, 0.1, info.max], [np.nan, np.inf, -np.inf]], dtype)


@check
def triton_describes(client):
    assert client.is_server_live() and client.is_server_ready()
    assert client.is_model_ready("float32") and client.is_model_ready("float32", "1")
    assert not client.is_model_ready("none")
    assert "binary_tensor_data" in client.get_server_metadata()["extensions"]
    described = client.get_model_metadata("float32")["inputs"]
    assert described == [{"name": "x", "datatype": "FP32", "shape": [-1, 3]}], described
    assert client.get_model_config("float32")["max_batch_size"] == 0
    assert {"name": "add", "version": "1", "state": "READY", "reason": ""} in client.get_model_repository_index()
    names = {each["name"] for each in client.get_inference_statistics()["model_stats"]}
    assert {"add", "float32"} <= names
    raises(lambda: client.load_model("add"), "403", "--model-control")


@check
def triton_sends_each_type(client):
    for model, (datatype, dtype) in ROWS.items():
        data = rows(dtype)
        # Twice binary, once as JSON, once with outputs as JSON: FP16 has no such form.
        forms = [(True, True)] if datatype == "FP16" else [(True, True), (False, True), (True, False), (False, False)]
        for binary_in, binary_out in forms:
            outputs = [triton.InferRequestedOutput("y", binary_data=binary_out)]
            answer = client.infer(model, [feed("x", datatype, data, binary_in)], outputs=outputs)
            same(answer.as_numpy("y"), data)


@check
def triton_sends_strings(client):
    data = np.array([["a", "ü", ""], ["\n", "\"", "日本"]], dtype=object)
    for binary in (True, False):
        answer = client.infer("string", [feed("x", "BYTES", data, binary)])
        got = np.vectorize(lambda text: text.decode() if isinstance(text, bytes) else text)(answer.as_numpy("y"))
        assert got.tolist() == data.tolist(), got


@check
def triton_sends_bfloat16(client):
    data = np.array([[1.0, -2.0, 3.5]], ml_dtypes.bfloat16)
    answer = client.infer("bfloat16", [feed("x", "BF16", data)])
    same(answer.as_numpy("y"), data)


@check
def triton_compresses(client):
    data = np.arange(30_000, dtype=np.float32).reshape(-1, 3)
    for sent in (None, "gzip", "deflate"):
        for wanted in (None, "gzip", "deflate"):
            answer = client.infer(
                "float32",
                [feed("x", "FP32", data)],
                request_compression_algorithm=sent,
                response_compression_algorithm=wanted,
            )
            same(answer.as_numpy("y"), data)


@check
def triton_sends_parameters(client):
    data = rows(np.float32)
    answer = client.infer(
        "float32",
        [feed("x", "FP32", data)],
        request_id="id 1",
        timeout=10_000_000,
        priority=1,
        sequence_id=3,
        sequence_start=True,
        parameters={"mine": "yes"},
        model_version="1",
    )
    assert answer.get_response()["id"] == "id 1"
    same(answer.as_numpy("y"), data)


@check
def triton_is_refused(client):
    data = np.zeros((2, 3), np.float32)
    raises(lambda: client.infer("none", [feed("x", "FP32", data)]), "404", "none")
    raises(lambda: client.infer("float32", [feed("z", "FP32", data)]), "400", "inputs[0].name")
    raises(lambda: client.infer("float32", [feed("x", "FP32", data.reshape(3, 2))]), "400", "shape[1]")
    raises(lambda: client.infer("float32", [feed("x", "FP64", data.astype(np.float64))]), "400", "datatype")
    raises(lambda: client.register_system_shared_memory("r", "/r", 8), "404")


@check
def triton_runs_tensorflow_lite(client):
    a = np.array([1, 2, 3, 4], np.float32)
    answer = client.infer("lite", [feed("a", "FP32", a), feed("b", "FP32", a)])
    same(answer.as_numpy("sum"), a + a)


async def triton_asynchronous():
    async with triton_aio.InferenceServerClient(address) as client:
        assert await client.is_server_ready()
        data = rows(np.float32)
        calls = [client.infer("float32", [feed("x", "FP32", data)]) for _ in range(20)]
        for answer in await asyncio.gather(*calls):
            same(answer.as_numpy("y"), data)


async def kserve_v2():
    client = InferenceRESTClient(RESTConfig(protocol="v2"))
    assert await client.is_server_live(url)
    assert await client.is_server_ready(url)
    assert await client.is_model_ready(url, "float32")
    assert not await client.is_model_ready(url, "none")
    data = np.array([[1, 2.5, 3]], np.float32)
    for binary in (False, True):
        given = InferInput("x", list(data.shape), "FP32")
        given.set_data_from_numpy(data, binary_data=binary)
        request = InferRequest("float32", [given], request_id="id 2")
        answer = await client.infer(url, request, model_name="float32")
        assert answer.id == "id 2"
        same(answer.outputs[0].as_numpy(), data)


async def kserve_v1():
    client = InferenceRESTClient(RESTConfig(protocol="v1"))
    assert await client.is_server_live(url)
    assert await client.is_model_ready(url, "float32")
    answer = await client.infer(url, {"instances": [[1, 2.5, 3]]}, model_name="float32")
    assert answer == {"predictions": [[1, 2.5, 3]]}, answer


client = triton.InferenceServerClient(address)
for each in checks:
    each(client)
    print("ok", each.__name__, flush=True)
client.close()
for each in (triton_asynchronous, kserve_v2, kserve_v1):
    asyncio.run(each())
    print("ok", each.__name__, flush=True)
