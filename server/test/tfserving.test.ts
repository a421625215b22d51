import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { testEdges } from './edges';
import { call, json, post, serve, type Edge, type Running } from './support';

let running: Running;
beforeAll(async () => {
  running = await serve({
    rows: 'identity_float32.onnx',
    lite: 'mlp.tflite',
    mlp: 'mlp.onnx',
    many: 'many_outputs.onnx',
    bool: 'identity_bool.onnx',
    bytes: 'identity_uint8.onnx',
    small: 'identity_int8.onnx',
    big: 'identity_int64.onnx',
    double: 'identity_float64.onnx',
    text: 'identity_string.onnx',
    scalar: 'scalar.onnx',
    add: 'add4.tflite',
    signatures: 'signatures.tflite',
    strings: 'strings.onnx',
  });
});
afterAll(() => running.server.close());

const predict = (model: string) => `/v1/models/${model}:predict`;

describe('status and metadata', () => {
  const version = {
    version: '1',
    state: 'AVAILABLE',
    status: { error_code: 'OK', error_message: '' },
  };
  const edges: Edge[] = [
    {
      title: 'of a model, for both clients',
      path: '/v1/models/rows',
      status: 200,
      body: { name: 'rows', ready: true, model_version_status: [version] },
    },
    {
      title: 'of a version',
      path: '/v1/models/rows/versions/1',
      status: 200,
      body: { model_version_status: [version] },
    },
    { title: 'in capitals', path: '/V1/MODELS/rows', status: 200 },
    {
      title: 'of a model that there is not',
      path: '/v1/models/none',
      status: 404,
      body: { error: expect.any(String) as unknown },
    },
    { title: 'of a version that there is not', path: '/v1/models/rows/versions/9', status: 404 },
    {
      title: 'of a version beyond int64',
      path: '/v1/models/rows/versions/9223372036854775808',
      status: 400,
    },
    { title: 'of a label that there is not', path: '/v1/models/rows/labels/stable', status: 400 },
    { title: 'with a query, which is part of the name', path: '/v1/models/rows?a=b', status: 404 },
    {
      title: 'list of KServe',
      path: '/v1/models',
      status: 200,
      body: { models: expect.arrayContaining(['rows']) as unknown },
    },
    {
      title: 'metadata',
      path: '/v1/models/mlp/metadata',
      status: 200,
      body: {
        model_spec: { name: 'mlp', version: '1' },
        metadata: {
          signature_def: {
            signature_def: {
              serving_default: {
                method_name: 'tensorflow/serving/predict',
                inputs: {
                  x: {
                    dtype: 'DT_FLOAT',
                    tensor_shape: { dim: [{ size: '-1' }, { size: '16' }], unknown_rank: false },
                  },
                },
              },
            },
          },
        },
      },
    },
    {
      title: 'metadata of signatures',
      path: '/v1/models/signatures/metadata',
      status: 200,
      body: {
        metadata: {
          signature_def: {
            signature_def: { triple: { inputs: { number: { dtype: 'DT_INT32' } } } },
          },
        },
      },
    },
    {
      title: 'a path that there is not',
      path: '/v1/other',
      status: 400,
      body: { error: expect.stringContaining('Malformed request') as unknown },
    },
    {
      title: 'a method that there is not',
      path: '/v1/models/rows:explain',
      call: post('{}'),
      status: 400,
    },
    { title: 'GET of predict', path: predict('rows'), status: 405, headers: { allow: 'POST' } },
    {
      title: 'the home page, where KServe looks for life',
      path: '/',
      status: 200,
      body: { status: 'alive' },
    },
  ];
  testEdges(() => running, edges);

  it('of a label', async () => {
    running.server.models.setLabels('rows', { stable: '1' });
    const reply = await call(running.port, '/v1/models/rows/labels/stable');
    expect(json(reply)).toMatchObject({ model_version_status: [version] });
    running.server.models.setLabels('rows', {});
  });
});

describe('predict', () => {
  const edge = (
    title: string,
    model: string,
    body: unknown,
    status: number,
    wanted: Edge['body'],
  ): Edge => ({
    title,
    path: predict(model),
    call: post(body, { 'content-type': 'application/x-www-form-urlencoded' }),
    status,
    body: wanted,
  });
  const good = (title: string, model: string, body: unknown, wanted: Edge['body']) =>
    edge(title, model, body, 200, wanted);
  const bad = (title: string, model: string, body: unknown, wanted: RegExp) =>
    edge(title, model, body, 400, wanted);
  const many = Object.fromEntries(
    Array.from({ length: 12 }, (_, index) => [`in${String(index).padStart(2, '0')}`, index]),
  );
  testEdges(
    () => running,
    [
      good(
        'rows',
        'rows',
        {
          instances: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        },
        {
          predictions: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        },
      ),
      good(
        'rows of an only input by its name',
        'rows',
        { instances: [{ x: [1, 2, 3] }] },
        { predictions: [[1, 2, 3]] },
      ),
      good(
        'rows of TensorFlow Lite',
        'lite',
        { instances: [Array(16).fill(0.5)] },
        /"predictions": \[\[[\d., e-]+\]\]/,
      ),
      good(
        'rows by names',
        'many',
        { instances: [many, many] },
        { predictions: [{ out00: expect.any(Number) as unknown }, {}] },
      ),
      good('columns', 'rows', { inputs: [[1, 2, 3]] }, { outputs: [[1, 2, 3]] }),
      good(
        'columns by names, with others',
        'rows',
        { inputs: { x: [[1, 2, 3]], other: 'a' } },
        { outputs: [[1, 2, 3]] },
      ),
      good(
        'columns of scalars',
        'scalar',
        { inputs: { a: 1, b: 2.5 } },
        { outputs: { sum: 3.5, shape: [] } },
      ),
      good(
        'a signature by its name',
        'signatures',
        { signature_name: 'triple', inputs: [1, 2] },
        { outputs: [3, 6] },
      ),
      good(
        'a signature after the values',
        'signatures',
        { inputs: { left: [3, 3, 3], right: [1, 2, 3] }, signature_name: 'arithmetic' },
        { outputs: { sum: [4, 5, 6], difference: [2, 1, 0] } },
      ),
      good(
        'bools',
        'bool',
        { instances: [[true, false, true]] },
        { predictions: [[true, false, true]] },
      ),
      good(
        'strings and base64',
        'text',
        { instances: [['a', { b64: 'w7w=' }, '']] },
        { predictions: [['a', 'ü', '']] },
      ),
      good(
        'an instance that is base64',
        'strings',
        { inputs: [{ b64: 'YQ==' }, 'b'] },
        { outputs: { upper: ['A', 'B'] } },
      ),
      good(
        'whole numbers with a point',
        'rows',
        { instances: [[1, 2.5, 1e20]] },
        /\[1\.0,2\.5,1e\+20\]/,
      ),
      good(
        'floats that six digits do not tell',
        'rows',
        '{"instances": [[0.1, 16777217, 3.14159274]]}',
        /\[0\.1,16777216\.0,3\.14159274\]/,
      ),
      good(
        'NaN and Infinity',
        'rows',
        '{"instances": [[NaN, Infinity, -Infinity]]}',
        /\[NaN,Infinity,-Infinity\]/,
      ),
      good(
        'floats beyond float32',
        'rows',
        '{"instances": [[1.8e308, 2e-308, -0.0]]}',
        /\[Infinity,0\.0,-0\.0\]/,
      ),
      good(
        'doubles',
        'double',
        '{"instances": [[0.1, 0.30000000000000004, 1e300]]}',
        /\[0\.1,0\.30000000000000004,1e\+300\]/,
      ),
      good(
        'int64 beyond 2^53',
        'big',
        '{"instances": [[9007199254740993, -1, 0]]}',
        /\[9007199254740993,-1,0\]/,
      ),
      good('bytes after the document', 'rows', '{"instances": [[1, 2, 3]]} and more', {
        predictions: [[1, 2, 3]],
      }),
      good(
        'keys that nobody knows',
        'rows',
        { instances: [[1, 2, 3]], other: { deep: [1] } },
        { predictions: [[1, 2, 3]] },
      ),
      bad('no body', 'rows', '', /expected an object/),
      bad('no JSON', 'rows', 'instances', /expected an object/),
      bad('neither', 'rows', {}, /exactly one of/),
      bad('both', 'rows', { instances: [[1, 2, 3]], inputs: [[1, 2, 3]] }, /exactly one of/),
      bad('no instances', 'rows', { instances: [] }, /instances: expected an array with elements/),
      bad('instances that are none', 'rows', { instances: 5 }, /instances: expected an array/),
      bad(
        'instances that are an object',
        'rows',
        { instances: { x: [1, 2, 3] } },
        /instances: expected an array/,
      ),
      bad(
        'plain instances of several inputs',
        'many',
        { instances: [1, 2] },
        /expected objects with the inputs by name/,
      ),
      bad(
        'an instance with another key',
        'rows',
        { instances: [{ x: [1, 2, 3], y: 1 }] },
        /instances\[0\]: expected the keys x/,
      ),
      bad(
        'an instance without a key',
        'many',
        { instances: [{ in00: 1 }] },
        /instances\[0\]: 'in01' is missing/,
      ),
      bad(
        'instances of other shapes',
        'rows',
        { instances: [{ x: [1, 2, 3] }, { x: [1, 2] }] },
        /instances\[1\]\.x: expected the shape \[3\]/,
      ),
      bad(
        'instances that are not alike',
        'rows',
        { instances: [{ x: [1, 2, 3] }, [1, 2, 3]] },
        /instances\[1\]: expected an object/,
      ),
      bad(
        'ragged instances',
        'rows',
        {
          instances: [
            [1, 2, 3],
            [1, 2],
          ],
        },
        /expected 3 elements, got 2/,
      ),
      bad(
        'instances of another shape than the model’s',
        'rows',
        { instances: [[1, 2]] },
        /instances\[1\]: expected 3, got 2/,
      ),
      bad('a column that is missing', 'add', { inputs: { a: [1, 2, 3, 4] } }, /'b' is missing/),
      bad('a scalar for rows', 'scalar', { instances: [{ a: 1, b: 2 }] }, /./),
      bad(
        '1.0 for a whole number',
        'big',
        '{"instances": [[1.0, 2, 3]]}',
        /instances\[0\]\[0\]: expected an integer, got 1\.0/,
      ),
      bad(
        '128 for an int8',
        'small',
        { instances: [[128, 0, 0]] },
        /expected an integer from -128 to 127/,
      ),
      bad(
        '256 for a uint8',
        'bytes',
        { instances: [[256, 0, 0]] },
        /expected an integer from 0 to 255/,
      ),
      bad(
        'null for a number',
        'rows',
        { instances: [[null, 1, 2]] },
        /instances\[0\]\[0\]: expected a number/,
      ),
      bad(
        'a bool for a number',
        'rows',
        { instances: [[true, 1, 2]] },
        /instances\[0\]\[0\]: expected a number/,
      ),
      bad(
        'a string for a number',
        'rows',
        { instances: [['1', 1, 2]] },
        /instances\[0\]\[0\]: expected a number/,
      ),
      bad(
        'a number for a string',
        'text',
        { instances: [[1, 'a', 'b']] },
        /instances\[0\]\[0\]: expected a string/,
      ),
      bad(
        'base64 that is none',
        'text',
        { instances: [[{ b64: '??' }, 'a', 'b']] },
        /expected base64/,
      ),
      bad(
        'base64 of no text',
        'text',
        { instances: [[{ b64: '/w==' }, 'a', 'b']] },
        /expected UTF-8/,
      ),
      bad(
        'a signature that there is not',
        'rows',
        { signature_name: 'none', instances: [[1, 2, 3]] },
        /signature_name: expected one of serving_default/,
      ),
      bad(
        'instances that are nested too deep',
        'rows',
        `{"instances": ${'['.repeat(100_000)}`,
        /nested more than 100/,
      ),
      {
        title: 'a model that there is not',
        path: predict('none'),
        call: post({ instances: [1] }),
        status: 404,
      },
      {
        title: 'a version',
        path: '/v1/models/rows/versions/1:predict',
        call: post({ instances: [[1, 2, 3]] }),
        status: 200,
      },
      {
        title: 'a version with zeros before it',
        path: '/v1/models/rows/versions/001:predict',
        call: post({ instances: [[1, 2, 3]] }),
        status: 200,
      },
      {
        title: 'a label that there is not',
        path: '/v1/models/rows/labels/x:predict',
        call: post({ instances: [[1, 2, 3]] }),
        status: 400,
      },
      {
        title: 'a query',
        path: `${predict('rows')}?a=b`,
        call: post({ instances: [[1, 2, 3]] }),
        status: 400,
        body: /Malformed request/,
      },
    ],
  );
});
