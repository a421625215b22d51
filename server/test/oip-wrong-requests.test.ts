import { gzipSync } from 'node:zlib';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { testEdges } from './edges';
import { path, ab, binary, binaryInput, floats, serveAll } from './oip-requests';
import { call, post, type Call, type Edge, type Running } from './support';

let running: Running;
beforeAll(async () => {
  running = await serveAll();
});
afterAll(() => running.server.close());

describe('what is wrong elsewhere', () => {
  const bad = (
    title: string,
    model: string,
    request: Call,
    body: string | RegExp,
    status = 400,
  ): Edge => ({ title, path: path(model), call: request, status, body });
  const edges: Edge[] = [
    bad(
      'an input that is too short for its size',
      'rows',
      binary({ inputs: [binaryInput('x', 'FP32', [1, 3], 12)] }, floats(1, 2)),
      /add up to 12, 8 bytes follow/,
    ),
    bad(
      'bytes that nobody claims',
      'rows',
      binary({ inputs: [binaryInput('x', 'FP32', [1, 3], 12)] }, floats(1, 2, 3, 4)),
      /add up to 12, 16 bytes follow/,
    ),
    bad(
      'a size that is not the shape’s',
      'rows',
      binary({ inputs: [binaryInput('x', 'FP32', [1, 3], 16)] }, floats(1, 2, 3, 4)),
      /binary_data_size: expected 12 for the shape \[1,3\], got 16/,
    ),
    bad(
      'a size with a fraction',
      'rows',
      binary({ inputs: [binaryInput('x', 'FP32', [1, 3], 12.5)] }, floats(1, 2, 3)),
      /binary_data_size: expected a whole number/,
    ),
    bad(
      'a size that is a string',
      'rows',
      binary({ inputs: [binaryInput('x', 'FP32', [1, 3], '12')] }, floats(1, 2, 3)),
      /binary_data_size: expected a whole number/,
    ),
    bad(
      'a negative size',
      'rows',
      binary({ inputs: [binaryInput('x', 'FP32', [1, 3], -12)] }, floats(1, 2, 3)),
      /binary_data_size: expected a whole number/,
    ),
    bad(
      'data beside a size',
      'rows',
      binary(
        { inputs: [{ ...binaryInput('x', 'FP32', [1, 3], 12), data: [1, 2, 3] }] },
        floats(1, 2, 3),
      ),
      /data: has no place beside/,
    ),
    bad(
      'a shape of gigabytes and a small size',
      'rows',
      binary({ inputs: [binaryInput('x', 'FP32', [1e9, 3], 12)] }, floats(1, 2, 3)),
      /binary_data_size: expected 12000000000/,
    ),
    bad(
      'a header that is longer than the body',
      'rows',
      binary({ inputs: [] }, new Uint8Array(), 100),
      /100 is more than the body's/,
    ),
    bad(
      'a header that is no number',
      'rows',
      binary({ inputs: [] }, new Uint8Array(), 'ten'),
      /expected a whole number, got 'ten'/,
    ),
    bad(
      'a negative header',
      'rows',
      binary({ inputs: [] }, new Uint8Array(), -1),
      /expected a whole number, got '-1'/,
    ),
    bad(
      'a bool that is 2',
      'bool',
      binary({ inputs: [binaryInput('x', 'BOOL', [1, 3], 3)] }, Uint8Array.of(0, 1, 2)),
      /byte 2: expected 0 or 1, got 2/,
    ),
    bad(
      'strings that go beyond the end',
      'text',
      binary(
        { inputs: [binaryInput('x', 'BYTES', [1, 3], 12)] },
        Uint8Array.of(1, 0, 0, 0, 97, 255, 255, 255, 255, 0, 0, 0),
      ),
      /goes beyond the end/,
    ),
    bad(
      'fewer strings than the shape has',
      'text',
      binary(
        { inputs: [binaryInput('x', 'BYTES', [1, 3], 12)] },
        Uint8Array.of(8, 0, 0, 0, 97, 97, 97, 97, 97, 97, 97, 97),
      ),
      /expected 3 elements, got 1/,
    ),
    bad(
      'strings that are no UTF-8',
      'text',
      binary(
        { inputs: [binaryInput('x', 'BYTES', [1, 3], 13)] },
        Uint8Array.of(1, 0, 0, 0, 255, 0, 0, 0, 0, 0, 0, 0, 0),
      ),
      /element 0: expected UTF-8/,
    ),
    bad(
      'a raw tensor for two inputs',
      'add',
      post(floats(1, 2, 3, 4), { 'inference-header-content-length': '0' }),
      /a raw body is for a model of one input/,
    ),
    bad(
      'a raw tensor that does not fit',
      'rows',
      post(floats(1, 2), { 'inference-header-content-length': '0' }),
      /8 bytes do not fit 'x'/,
    ),
    bad(
      'a raw tensor of no bytes',
      'rows',
      post('', { 'inference-header-content-length': '0' }),
      /0 bytes do not fit/,
    ),
    bad(
      'a gzip body that was cut',
      'add',
      post(gzipSync(JSON.stringify(ab())).subarray(0, -9), { 'content-encoding': 'gzip' }),
      /not whole gzip data/,
    ),
    bad(
      'a gzip body with more behind',
      'add',
      post(Buffer.concat([gzipSync(JSON.stringify(ab())), Buffer.from('more')]), {
        'content-encoding': 'gzip',
      }),
      /gzip data/,
    ),
    bad(
      'a body that is no gzip',
      'add',
      post(ab(), { 'content-encoding': 'gzip' }),
      /not whole gzip data/,
    ),
    bad(
      'a compression that nobody knows',
      'add',
      post(ab(), { 'content-encoding': 'br' }),
      /expected gzip or deflate/,
      415,
    ),
    bad(
      'a type that is no JSON',
      'add',
      post(ab(), { 'content-type': 'text/html' }),
      /Content-Type/,
      415,
    ),
    bad('a model that there is not', 'none', post(ab()), /no model is called 'none'/, 404),
    bad('a name with a wrong percent-encoding', 'a%', post(ab()), /wrong percent-encoding/),
    {
      title: 'a version that there is not',
      path: '/v2/models/add/versions/2/infer',
      call: post(ab()),
      status: 404,
      body: /has no version 2/,
    },
    { title: 'readiness of a model that there is not', path: '/v2/models/none/ready', status: 404 },
    { title: 'GET of infer', path: path('add'), status: 405, headers: { allow: 'POST' } },
    {
      title: 'POST of metadata',
      path: '/v2/models/add',
      call: post('{}'),
      status: 405,
      headers: { allow: 'GET, HEAD' },
    },
    {
      title: 'a path that there is not',
      path: '/v2/none',
      status: 404,
      body: { error: expect.any(String) as unknown },
    },
    {
      title: 'loading over the network',
      path: '/v2/repository/models/add/load',
      call: post(''),
      status: 403,
    },
    {
      title: 'an index that is no flag',
      path: '/v2/repository/index',
      call: post({ ready: 1 }),
      status: 400,
    },
  ];
  testEdges(() => running, edges);

  it('does not count what was refused before the model as its failures', async () => {
    const { bytes } = await call(running.port, '/v2/models/half/stats');
    expect(JSON.parse(bytes.toString())).toMatchObject({
      model_stats: [{ inference_stats: { fail: { count: 0 } } }],
    });
  });
});
