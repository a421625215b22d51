import { deflateSync, gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { testEdges } from './edges';
import {
  path,
  tensor,
  x,
  ab,
  binary,
  bytesOf,
  binaryInput,
  floats,
  outputs,
  serveAll,
} from './oip-requests';
import { call, json, post, type Call, type Edge, type Running } from './support';

let running: Running;
beforeAll(async () => {
  running = await serveAll();
});
afterAll(() => running.server.close());

describe.each(['add', 'lite'])('infer of %s', (model) => {
  const infer = (options: Call) => call(running.port, path(model), options);

  it('takes and gives JSON', async () => {
    const reply = await infer(post(ab({ id: '7' })));
    expect(reply.status).toBe(200);
    expect(json(reply)).toEqual({
      id: '7',
      model_name: model,
      model_version: '1',
      outputs: [{ name: 'sum', datatype: 'FP32', shape: [4], data: [2, 4, 6, 8] }],
    });
  });

  it.each([
    ['plain', (body: Uint8Array) => body, {}],
    ['gzip', gzipSync, { 'content-encoding': 'gzip' }],
    ['deflate', deflateSync, { 'content-encoding': 'deflate' }],
  ] as const)('takes and gives binary tensors, %s', async (_, pack, headers) => {
    const inputs = ['a', 'b'].map((name) => binaryInput(name, 'FP32', [4], 16));
    const request = binary(
      { inputs, parameters: { binary_data_output: true } },
      floats(1, 2, 3, 4, 10, 20, 30, 40),
    );
    const reply = await infer({
      ...request,
      body: pack(request.body as Uint8Array),
      headers: { ...request.headers, ...headers },
    });
    expect(reply.status).toBe(200);
    const length = Number(reply.headers['inference-header-content-length']);
    expect(JSON.parse(reply.text.slice(0, length))).toMatchObject({
      outputs: [{ name: 'sum', shape: [4], parameters: { binary_data_size: 16 } }],
    });
    const data = new Float32Array(new Uint8Array(reply.bytes.subarray(length)).buffer);
    expect(data).toEqual(Float32Array.of(11, 22, 33, 44));
  });
});

describe('what is right', () => {
  const edges: Edge[] = [
    {
      title: 'server',
      path: '/v2',
      status: 200,
      body: {
        name: 'onlite',
        extensions: expect.arrayContaining(['binary_tensor_data', 'statistics']) as unknown,
      },
    },
    { title: 'live', path: '/v2/health/live', status: 200, body: { live: true } },
    { title: 'ready', path: '/v2/health/ready', status: 200, body: { ready: true } },
    {
      title: 'model ready',
      path: '/v2/models/add/ready',
      status: 200,
      body: { name: 'add', ready: true },
    },
    {
      title: 'models',
      path: '/v2/models',
      status: 200,
      body: { models: expect.arrayContaining(['add', 'lite']) as unknown },
    },
    {
      title: 'metadata',
      path: '/v2/models/rows',
      status: 200,
      body: {
        name: 'rows',
        versions: ['1'],
        platform: 'onnxruntime_onnx',
        inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 3] }],
      },
    },
    {
      title: 'metadata of a version',
      path: '/v2/models/lite/versions/1',
      status: 200,
      body: { platform: 'tensorflowlite_tflite' },
    },
    {
      title: 'metadata without what is no tensor',
      path: '/v2/models/tree',
      status: 200,
      body: { outputs: [{ name: 'label', datatype: 'INT64', shape: [-1] }] },
    },
    {
      title: 'config',
      path: '/v2/models/add/config',
      status: 200,
      body: {
        name: 'add',
        version_policy: { all: {} },
        max_batch_size: 0,
        input: [{ name: 'a', data_type: 'TYPE_FP32', dims: [4] }, {}],
      },
    },
    {
      title: 'statistics of all',
      path: '/v2/models/stats',
      status: 200,
      body: { model_stats: expect.any(Array) as unknown },
    },
    {
      title: 'statistics',
      path: '/v2/models/index/stats',
      status: 200,
      body: {
        model_stats: [
          { name: 'index', version: '1', inference_stats: { success: { count: 0, ns: 0 } } },
        ],
      },
    },
    {
      title: 'repository index',
      path: '/v2/repository/index',
      call: post({ ready: true }),
      status: 200,
      body: /"name":"add","version":"1","state":"READY"/,
    },
    {
      title: 'repository index without a body',
      path: '/v2/repository/index',
      call: post(''),
      status: 200,
    },
    {
      title: 'a name that is percent-encoded',
      path: path('a%20b%2Fc'),
      call: post(ab()),
      status: 200,
      body: { model_name: 'a b/c' },
    },
    { title: 'a version', path: '/v2/models/add/versions/1/infer', call: post(ab()), status: 200 },
    {
      title: 'data that is nested as its shape is',
      path: path('rows'),
      call: post(
        x(
          'FP32',
          [2, 3],
          [
            [1, 2, 3],
            [4, 5, 6],
          ],
        ),
      ),
      status: 200,
      body: outputs([1, 2, 3, 4, 5, 6], { shape: [2, 3] }),
    },
    {
      title: 'keys in another order',
      path: path('rows'),
      call: post('{"inputs":[{"data":[1,2,3],"datatype":"FP32","shape":[1,3],"name":"x"}]}'),
      status: 200,
      body: outputs([1, 2, 3]),
    },
    {
      title: 'keys that nobody knows',
      path: path('rows'),
      call: post({ ...x('FP32', [1, 3], [1, 2, 3]), other: [{ deep: [null] }] }),
      status: 200,
    },
    {
      title: 'an empty batch',
      path: path('rows'),
      call: post(x('FP32', [0, 3], [])),
      status: 200,
      body: outputs([], { shape: [0, 3] }),
    },
    {
      title: 'a scalar',
      path: path('scalar'),
      call: post({ inputs: ['a', 'b'].map((name) => tensor(name, 'FP32', [], [2])) }),
      status: 200,
      body: {
        outputs: [
          { shape: [], data: [4] },
          { shape: [0], data: [] },
        ],
      },
    },
    {
      title: 'NaN and Infinity',
      path: path('rows'),
      call: post(
        '{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[NaN,Infinity,-Infinity]}]}',
      ),
      status: 200,
      body: /"data":\[NaN,Infinity,-Infinity\]/,
    },
    {
      title: 'bools',
      path: path('bool'),
      call: post(x('BOOL', [1, 3], [true, false, true])),
      status: 200,
      body: outputs([true, false, true]),
    },
    {
      title: 'int64 beyond 2^53',
      path: path('big'),
      call: post(
        '{"inputs":[{"name":"x","shape":[1,3],"datatype":"INT64","data":[9007199254740993,-9223372036854775808,9223372036854775807]}]}',
      ),
      status: 200,
      body: /"data":\[9007199254740993,-9223372036854775808,9223372036854775807\]/,
    },
    {
      title: 'strings',
      path: path('text'),
      call: post(x('BYTES', [1, 3], ['a', 'ü"\n', ''])),
      status: 200,
      body: outputs(['a', 'ü"\n', '']),
    },
    {
      title: 'strings of TensorFlow Lite',
      path: path('liteText'),
      call: post({
        inputs: [
          tensor('words', 'BYTES', [2], ['so', 'ja']),
          tensor('index', 'INT32', [1], [1]),
          tensor('wanted', 'BYTES', [1], ['ja']),
        ],
      }),
      status: 200,
      body: {
        outputs: [
          { name: 'picked', data: ['ja'] },
          { name: 'equal', data: [false, true] },
        ],
      },
    },
    {
      title: 'a signature by its name',
      path: path('signatures'),
      call: post({
        parameters: { signature_name: 'triple' },
        inputs: [tensor('number', 'INT32', [2], [1, -2])],
      }),
      status: 200,
      body: { outputs: [{ name: 'tripled', data: [3, -6] }] },
    },
    {
      title: 'an optional input that is left out',
      path: path('maybe'),
      call: post({ inputs: [], outputs: [{ name: 'has' }] }),
      status: 200,
      body: outputs([false], { name: 'has' }),
    },
    {
      title: 'an optional input',
      path: path('maybe'),
      call: post({ inputs: [tensor('maybe', 'FP32', [2], [1, 2])], outputs: [{ name: 'has' }] }),
      status: 200,
      body: outputs([true]),
    },
    {
      title: 'dimensions of one name that are not equal',
      path: path('empty'),
      call: post({
        inputs: [tensor('x', 'FP32', [2, 3], [1, 2, 3, 4, 5, 6]), tensor('s', 'BYTES', [1], ['s'])],
        outputs: [{ name: 'twice' }],
      }),
      status: 200,
      body: { outputs: [{ name: 'twice', shape: [4, 3] }] },
    },
    {
      title: 'outputs in the order that they are asked for',
      path: path('signatures'),
      call: post({
        parameters: { signature_name: 'arithmetic' },
        inputs: [tensor('left', 'FP32', [3], [1, 2, 3]), tensor('right', 'FP32', [3], [1, 1, 1])],
        outputs: [{ name: 'sum' }, { name: 'difference' }],
      }),
      status: 200,
      body: {
        outputs: [
          { name: 'sum', data: [2, 3, 4] },
          { name: 'difference', data: [0, 1, 2] },
        ],
      },
    },
    {
      title: 'parameters that nobody knows',
      path: path('add'),
      call: post(ab({ parameters: { priority: 1, sequence_id: 5, mine: { a: 1 } } })),
      status: 200,
    },
    {
      title: 'a timeout that is long enough',
      path: path('add'),
      call: post(ab({ parameters: { timeout: 60_000_000 } })),
      status: 200,
    },
    {
      title: 'JSON and a header that says how long it is',
      path: path('add'),
      call: binary(ab(), new Uint8Array()),
      status: 200,
    },
    {
      title: 'a raw tensor',
      path: path('rows'),
      call: post(floats(1, 2, 3, 4, 5, 6), { 'inference-header-content-length': '0' }),
      status: 200,
      body: /"shape":\[2,3\],"parameters":\{"binary_data_size":24\}/,
      headers: { 'content-type': 'application/octet-stream' },
    },
    {
      title: 'an empty binary output',
      path: path('rows'),
      call: post({ ...x('FP32', [0, 3], []), parameters: { binary_data_output: true } }),
      status: 200,
      body: { outputs: [{ parameters: { binary_data_size: 0 } }] },
      headers: { 'content-type': 'application/json' },
    },
  ];
  testEdges(() => running, edges);

  it.each([
    ['half', 'FP16'],
    ['brain', 'BF16'],
  ])('%s in the binary form', async (model, datatype) => {
    const head = {
      inputs: [binaryInput('x', datatype, [1, 3], 6)],
      outputs: [{ name: 'y', parameters: { binary_data: true } }],
    };
    const data = bytesOf(Uint16Array.of(0x3c00, 0x7bff, 0x8000));
    const reply = await call(running.port, path(model), binary(head, data));
    expect(reply.status).toBe(200);
    expect(new Uint8Array(reply.bytes.subarray(-6))).toEqual(data);
  });

  it('strings in the binary form', async () => {
    const data = Buffer.from('\x02\0\0\0hi\0\0\0\0\x03\0\0\0\u00e4!', 'utf8');
    const head = {
      inputs: [binaryInput('x', 'BYTES', [1, 3], data.length)],
      parameters: { binary_data_output: true },
    };
    const reply = await call(running.port, path('text'), binary(head, data));
    expect(reply.status).toBe(200);
    expect(reply.bytes.subarray(-data.length)).toEqual(data);
  });

  it('an answer that is larger than what is copied', async () => {
    const values = Float32Array.from({ length: 30_000 }, (_, index) => index);
    const head = {
      inputs: [binaryInput('x', 'FP32', [10_000, 3], values.byteLength)],
      parameters: { binary_data_output: true },
    };
    for (let turn = 0; turn < 3; turn++) {
      values[0] = turn;
      const reply = await call(running.port, path('rows'), binary(head, bytesOf(values)));
      expect(reply.status).toBe(200);
      expect(new Uint8Array(reply.bytes.subarray(-values.byteLength))).toEqual(bytesOf(values));
    }
  });
});
