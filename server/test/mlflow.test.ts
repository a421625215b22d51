import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { testEdges } from './edges';
import { call, post, serve, type Edge, type Running } from './support';

let running: Running;
let alone: Running;
beforeAll(async () => {
  running = await serve({
    rows: 'identity_float32.onnx',
    many: 'many_outputs.onnx',
    text: 'strings.onnx',
    bytes: 'identity_uint8.onnx',
    plain: 'identity_string.onnx',
    lite: 'mlp.tflite',
    add: 'add4.onnx',
    integers: 'identity_int64.onnx',
  });
  alone = await serve({ rows: 'identity_float32.onnx' });
});
afterAll(() => Promise.all([running.server.close(), alone.server.close()]));

const JSON_TYPE = { 'content-type': 'application/json' };
const CSV = { 'content-type': 'text/csv' };
const path = (model: string) => `/models/${model}/invocations`;

describe('MLflow', () => {
  const edge = (
    title: string,
    model: string,
    body: unknown,
    status: number,
    wanted: Edge['body'],
    headers: Record<string, string> = JSON_TYPE,
  ): Edge => ({ title, path: path(model), call: post(body, headers), status, body: wanted });
  const names = Array.from({ length: 12 }, (_, index) => `in${String(index).padStart(2, '0')}`);
  const error = { error_code: 'BAD_REQUEST', message: expect.any(String) as unknown };
  testEdges(
    () => running,
    [
      { title: 'ping', path: '/ping', status: 200, body: { status: 'Healthy' } },
      { title: 'health', path: '/health', status: 200 },
      { title: 'version', path: '/version', status: 200, body: /^\d+\.\d+\.\d+/ },
      edge('inputs', 'rows', { inputs: [[1, 2, 3]] }, 200, { predictions: { y: [[1, 2, 3]] } }),
      edge('inputs by name', 'add', { inputs: { a: [1, 2, 3, 4], b: [1, 1, 1, 1] } }, 200, {
        predictions: { sum: [2, 3, 4, 5] },
      }),
      edge(
        'instances',
        'rows',
        {
          instances: [
            [1, 2, 3],
            [4, 5, 6],
          ],
        },
        200,
        {
          predictions: {
            y: [
              [1, 2, 3],
              [4, 5, 6],
            ],
          },
        },
      ),
      edge(
        'a data frame, split',
        'many',
        {
          dataframe_split: {
            columns: ['other', ...names],
            data: [
              ['a', ...names.map(Number.prototype.valueOf.bind(1))],
              ['b', ...names.map(() => 2)],
            ],
          },
        },
        200,
        { predictions: [{ out00: expect.any(Number) as unknown }, {}] },
      ),
      edge(
        'a data frame whose data comes first',
        'rows',
        '{"dataframe_split": {"data": [[1,2,3]], "columns": ["a","b","c"]}}',
        200,
        { predictions: [{ y: [1, 2, 3] }] },
      ),
      edge('a data frame without names', 'rows', { dataframe_split: { data: [[1, 2, 3]] } }, 200, {
        predictions: [{ y: [1, 2, 3] }],
      }),
      edge(
        'records',
        'many',
        {
          dataframe_records: [
            Object.fromEntries(names.map((name) => [name, 1])),
            Object.fromEntries([...names].reverse().map((name) => [name, 2])),
          ],
        },
        200,
        { predictions: [{}, {}] },
      ),
      edge(
        'null, which is NaN',
        'rows',
        { dataframe_split: { columns: ['a', 'b', 'c'], data: [[1, null, 3]] } },
        200,
        /"y": \[1\.0,NaN,3\.0\]/,
      ),
      edge(
        'records of a matrix',
        'rows',
        {
          dataframe_records: [
            { a: 1, b: 2, c: 3 },
            { c: 6, a: 4, b: 5 },
          ],
        },
        200,
        { predictions: [{ y: [1, 2, 3] }, { y: [4, 5, 6] }] },
      ),
      edge(
        'a data frame of TensorFlow Lite',
        'lite',
        { dataframe_split: { data: [Array(16).fill(1)] } },
        200,
        { predictions: [{ Identity: expect.any(Array) as unknown }] },
      ),
      edge('null in inputs', 'rows', '{"inputs": [[null, 1, 2]]}', 200, /\[\[NaN,1\.0,2\.0\]\]/),
      edge(
        'null in instances',
        'rows',
        '{"instances": [[null, 1, 2]]}',
        200,
        /\[\[NaN,1\.0,2\.0\]\]/,
      ),
      edge(
        'whole floats for integers',
        'integers',
        '{"inputs": [[1.0, 2, 3e0]]}',
        200,
        /\[\[1,2,3\]\]/,
      ),
      edge(
        'fractions for integers',
        'integers',
        '{"inputs": [[1.5, 2, 3]]}',
        400,
        /inputs\[0\]\[0\]/,
      ),
      edge('null for integers', 'integers', '{"inputs": [[null, 2, 3]]}', 400, /inputs\[0\]\[0\]/),
      edge('NaN in inputs', 'rows', '{"inputs": [[NaN, 1, 2]]}', 200, /NaN/),
      edge(
        'params, which nobody looks at',
        'rows',
        { inputs: [[1, 2, 3]], params: { a: 1 } },
        200,
        { predictions: {} },
      ),
      edge(
        'CSV',
        'rows',
        'a,b,c\n1,2.5,-3e2\n,nan,Infinity\n',
        200,
        /\[\{"y": \[1\.0,2\.5,-300\.0\]\}, \{"y": \[NaN,NaN,Infinity\]\}\]/,
        CSV,
      ),
      edge(
        'CSV with quotes',
        'plain',
        'x,y,z\r\n"a,""b""",c,"d\ne"\r\n',
        200,
        { predictions: [{ y: ['a,"b"', 'c', 'd\ne'] }] },
        CSV,
      ),
      edge(
        'a charset',
        'rows',
        { inputs: [[1, 2, 3]] },
        200,
        {},
        { 'content-type': 'application/json; charset=UTF-8' },
      ),
      edge('no key', 'rows', {}, 400, error),
      edge('two keys', 'rows', { inputs: [[1, 2, 3]], instances: [[1, 2, 3]] }, 400, error),
      edge('no JSON', 'rows', 'inputs', 400, error),
      edge('something after the JSON', 'rows', '{"inputs": [[1,2,3]]} x', 400, error),
      edge('a column that is missing', 'many', { dataframe_records: [{ in00: 1 }] }, 400, {
        message: expect.stringContaining("'in01' is missing") as unknown,
      }),
      edge(
        'columns of another number',
        'rows',
        { dataframe_split: { columns: ['a', 'b'], data: [[1, 2]] } },
        400,
        error,
      ),
      edge(
        'a row that is too short',
        'rows',
        {
          dataframe_split: {
            columns: ['a', 'b', 'c'],
            data: [
              [1, 2, 3],
              [1, 2],
            ],
          },
        },
        400,
        { message: 'dataframe_split.data[1]: expected 3 values, got 2' },
      ),
      edge(
        'a record with other columns',
        'rows',
        {
          dataframe_records: [
            { a: 1, b: 2, c: 3 },
            { a: 1, b: 2, d: 3 },
          ],
        },
        400,
        error,
      ),
      edge('a string for a number', 'rows', { dataframe_split: { data: [[1, 'a', 3]] } }, 400, {
        message: expect.stringContaining('data[0][1]: expected a number') as unknown,
      }),
      edge(
        'a word for a number in CSV',
        'rows',
        'a,b,c\n1,x,3\n',
        400,
        { message: "row 0, b: expected float32, got 'x'" },
        CSV,
      ),
      edge('CSV of another width', 'rows', 'a,b,c\n1,2\n', 400, error, CSV),
      edge('CSV whose quote does not end', 'rows', 'a,b,c\n1,2,"3\n', 400, error, CSV),
      edge('CSV without a row of names', 'rows', '', 400, error, CSV),
      edge(
        'another type',
        'rows',
        { inputs: [[1, 2, 3]] },
        415,
        {},
        { 'content-type': 'text/plain' },
      ),
      edge('no type', 'rows', { inputs: [[1, 2, 3]] }, 415, { message: /missing/ }, {}),
      edge(
        'a parameter that is no charset',
        'rows',
        { inputs: [[1, 2, 3]] },
        415,
        {},
        { 'content-type': 'application/json; format=pandas-split' },
      ),
      {
        title: 'a model that there is not',
        path: path('none'),
        call: post({}, JSON_TYPE),
        status: 404,
        body: { error_code: 'RESOURCE_DOES_NOT_EXIST' },
      },
      {
        title: '/invocations of several models',
        path: '/invocations',
        call: post({}, JSON_TYPE),
        status: 404,
      },
      { title: 'GET of invocations', path: path('rows'), status: 405, headers: { allow: 'POST' } },
    ],
  );

  it('/invocations of the only model', async () => {
    const reply = await call(alone.port, '/invocations', post({ inputs: [[1, 2, 3]] }, JSON_TYPE));
    expect({ status: reply.status, text: reply.text }).toEqual({
      status: 200,
      text: '{"predictions": {"y": [[1.0,2.0,3.0]]}}',
    });
  });
});

describe('TorchServe', () => {
  testEdges(
    () => running,
    [
      {
        title: 'raw bytes of uint8',
        path: '/predictions/bytes',
        call: post(Uint8Array.of(1, 2, 255)),
        status: 200,
        body: /^\[\[1,2,255\]\]$/,
      },
      {
        title: 'JSON',
        path: '/predictions/rows',
        call: post([[1, 2, 3]], JSON_TYPE),
        status: 200,
        body: /^\[\[1,2,3\]\]$/,
      },
      {
        title: 'JSON by names, with PUT',
        path: '/predictions/add',
        call: { ...post({ a: [1, 2, 3, 4], b: [0, 0, 0, 0] }, JSON_TYPE), method: 'PUT' },
        status: 200,
      },
      {
        title: 'a version',
        path: '/predictions/rows/1.0',
        call: post([[1, 2, 3]], JSON_TYPE),
        status: 200,
      },
      {
        title: 'bytes that do not fit',
        path: '/predictions/bytes',
        call: post(Uint8Array.of(1)),
        status: 400,
        body: { code: 400, type: 'BadRequestException' },
      },
      { title: 'no JSON', path: '/predictions/rows', call: post('x', JSON_TYPE), status: 400 },
      {
        title: 'a model that there is not',
        path: '/predictions/none',
        call: post('x'),
        status: 404,
        body: { code: 404, type: 'ModelNotFoundException' },
      },
      { title: 'GET', path: '/predictions/rows', status: 405 },
    ],
  );
});
