import { afterAll, beforeAll, describe } from 'vitest';

import { testEdges } from './edges';
import { path, tensor, x, ab, serveAll } from './oip-requests';
import { post, type Call, type Edge, type Running } from './support';

let running: Running;
beforeAll(async () => {
  running = await serveAll();
});
afterAll(() => running.server.close());

describe('what is wrong in JSON', () => {
  const bad = (
    title: string,
    model: string,
    request: Call,
    body: string | RegExp,
    status = 400,
  ): Edge => ({ title, path: path(model), call: request, status, body });
  const edges: Edge[] = [
    bad('no body', 'add', post(''), /the body is empty/),
    bad('no JSON', 'add', post('hello'), /expected an object, got \\"hello\\" at byte 0/),
    bad('an array', 'add', post('[]'), /expected an object/),
    bad(
      'JSON that ends',
      'add',
      post('{"inputs":[{"name":"a"'),
      /inputs\[0\]: expected ',' or '}', got the end/,
    ),
    bad(
      'something after the JSON',
      'add',
      post(`${JSON.stringify(ab())} {}`),
      /expected the end of the JSON/,
    ),
    bad(
      'a bracket too many',
      'rows',
      post('{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[1,2,3]]}]}'),
      /expected the end of the JSON, got \\"\]/,
    ),
    bad(
      'a bracket too few',
      'rows',
      post('{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":[[1,2,3]}]}'),
      /inputs\[0\]\.data.*expected/,
    ),
    bad('a wrong escape', 'add', post('{"id":"\\x"}'), /id: expected a string/),
    bad('a control character', 'add', post('{"id":"\n"}'), /id: expected a string/),
    bad(
      'bytes that are no UTF-8',
      'add',
      post(Buffer.from([0x7b, 0x22, 0xff, 0x22, 0x3a, 0x31, 0x7d])),
      /UTF-8/,
    ),
    bad('no inputs', 'add', post('{}'), /inputs: expected an array, got nothing/),
    bad('inputs twice', 'add', post('{"inputs":[],"inputs":[]}'), /inputs: is there twice/),
    bad(
      'an input that is missing',
      'add',
      post({ inputs: [tensor('a', 'FP32', [4], [1, 2, 3, 4])] }),
      /'b' is missing/,
    ),
    bad(
      'an input that there is not',
      'add',
      post({ inputs: [tensor('c', 'FP32', [4], [1, 2, 3, 4])] }),
      /inputs\[0\]\.name: expected one of a, b, got 'c'/,
    ),
    bad(
      'an input twice',
      'add',
      post({
        inputs: [tensor('a', 'FP32', [4], [1, 2, 3, 4]), tensor('a', 'FP32', [4], [1, 2, 3, 4])],
      }),
      /'a' is there twice/,
    ),
    bad('an id that is a number', 'add', post(ab({ id: 5 })), /id: expected a string/),
    bad(
      'no name',
      'rows',
      post({ inputs: [{ shape: [1, 3], datatype: 'FP32', data: [1, 2, 3] }] }),
      /inputs\[0\]\.name/,
    ),
    bad(
      'no shape',
      'rows',
      post({ inputs: [{ name: 'x', datatype: 'FP32', data: [1, 2, 3] }] }),
      /inputs\[0\]\.shape/,
    ),
    bad(
      'no datatype',
      'rows',
      post({ inputs: [{ name: 'x', shape: [1, 3], data: [1, 2, 3] }] }),
      /inputs\[0\]\.datatype/,
    ),
    bad(
      'no data',
      'rows',
      post({ inputs: [{ name: 'x', shape: [1, 3], datatype: 'FP32' }] }),
      /inputs\[0\]\.data: expected an array, or the parameter binary_data_size/,
    ),
    bad(
      'another datatype',
      'rows',
      post(x('FP64', [1, 3], [1, 2, 3])),
      /inputs\[0\]\.datatype: expected 'FP32', got 'FP64'/,
    ),
    bad(
      'another rank',
      'rows',
      post(x('FP32', [3], [1, 2, 3])),
      /inputs\[0\]\.shape: expected 2 dimensions/,
    ),
    bad(
      'another dimension',
      'rows',
      post(x('FP32', [1, 4], [1, 2, 3, 4])),
      /inputs\[0\]\.shape\[1\]: expected 3, got 4/,
    ),
    bad(
      'a negative dimension',
      'rows',
      post(x('FP32', [-1, 3], [1, 2, 3])),
      /inputs\[0\]\.shape\[0\]: expected a whole number of at least 0/,
    ),
    bad(
      'a dimension with a fraction',
      'rows',
      post(x('FP32', [1.5, 3], [1, 2, 3])),
      /inputs\[0\]\.shape\[0\]/,
    ),
    bad(
      'a dimension that is a string',
      'rows',
      post(x('FP32', ['1', 3], [1, 2, 3])),
      /inputs\[0\]\.shape\[0\]/,
    ),
    bad(
      'a shape that overflows',
      'rows',
      post(
        '{"inputs":[{"name":"x","shape":[2305843009213693952,3],"datatype":"FP32","data":[1]}]}',
      ),
      /inputs\[0\]\.shape\[0\]/,
    ),
    bad(
      'a shape of gigabytes with one number',
      'rows',
      post(x('FP32', [1e9, 3], [1])),
      /inputs\[0\]\.data: expected 3000000000 elements/,
    ),
    bad(
      'too few numbers',
      'rows',
      post(x('FP32', [2, 3], [1, 2, 3, 4, 5])),
      /expected 6 elements for the shape \[2,3\], got 5/,
    ),
    bad(
      'too many numbers',
      'rows',
      post(x('FP32', [1, 3], [1, 2, 3, 4])),
      /there is room for 3 elements, got more/,
    ),
    bad(
      'ragged arrays',
      'rows',
      post(
        x(
          'FP32',
          [2, 3],
          [
            [1, 2, 3],
            [4, 5],
          ],
        ),
      ),
      /data\[1\]: expected 3 elements, got 2/,
    ),
    bad(
      'arrays of another shape',
      'rows',
      post(
        x(
          'FP32',
          [2, 3],
          [
            [1, 2],
            [3, 4],
            [5, 6],
          ],
        ),
      ),
      /expected arrays of the shape \[2,3\] or one flat array, got \[3,2\]/,
    ),
    bad(
      'data that is a number',
      'scalar',
      post({ inputs: ['a', 'b'].map((name) => tensor(name, 'FP32', [], 2)) }),
      /data: expected an array/,
    ),
    bad(
      'null for a number',
      'rows',
      post(x('FP32', [1, 3], [1, null, 3])),
      /inputs\[0\]\.data\[1\]: expected a number, got null/,
    ),
    bad(
      'a string for a number',
      'rows',
      post(x('FP32', [1, 3], [1, '2', 3])),
      /inputs\[0\]\.data\[1\]: expected a number/,
    ),
    bad(
      'true for a number',
      'rows',
      post(x('FP32', [1, 3], [1, true, 3])),
      /inputs\[0\]\.data\[1\]: expected a number/,
    ),
    bad(
      'a number for a bool',
      'bool',
      post(x('BOOL', [1, 3], [true, 0, false])),
      /inputs\[0\]\.data\[1\]: expected true or false/,
    ),
    bad(
      'a number for a string',
      'text',
      post(x('BYTES', [1, 3], ['a', 1, 'b'])),
      /inputs\[0\]\.data\[1\]: expected a string/,
    ),
    bad(
      'a number with a leading zero',
      'rows',
      post('{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":[01,2,3]}]}'),
      /data\[0\]: expected a/,
    ),
    bad(
      'a fraction for a whole number',
      'big',
      post('{"inputs":[{"name":"x","shape":[1,3],"datatype":"INT64","data":[1.0,2,3]}]}'),
      /data\[0\]: expected an integer, got 1\.0/,
    ),
    bad(
      'a number that int64 cannot hold',
      'big',
      post(
        '{"inputs":[{"name":"x","shape":[1,3],"datatype":"INT64","data":[9223372036854775808,2,3]}]}',
      ),
      /data\[0\]: expected an integer from -9223372036854775808 to/,
    ),
    bad(
      '256 for a UINT8',
      'bytes',
      post(x('UINT8', [1, 3], [256, 0, 0])),
      /data\[0\]: expected an integer from 0 to 255, got/,
    ),
    bad(
      '-1 for a UINT8',
      'bytes',
      post(x('UINT8', [1, 3], [0, -1, 0])),
      /data\[1\]: expected an integer from 0 to 255/,
    ),
    bad('FP16 in JSON', 'half', post(x('FP16', [1, 3], [1, 2, 3])), /FP16 has no JSON form/),
    bad('BF16 in JSON', 'brain', post(x('BF16', [1, 3], [1, 2, 3])), /BF16 has no JSON form/),
    bad(
      'an output that there is not',
      'add',
      post(ab({ outputs: [{ name: 'c' }] })),
      /outputs\[0\]\.name: expected one of sum, got 'c'/,
    ),
    bad(
      'an output twice',
      'add',
      post(ab({ outputs: [{ name: 'sum' }, { name: 'sum' }] })),
      /outputs\[1\]\.name: 'sum' is there twice/,
    ),
    bad(
      'classification',
      'add',
      post(ab({ outputs: [{ name: 'sum', parameters: { classification: 2 } }] })),
      /classification: is not supported/,
    ),
    bad(
      'shared memory',
      'rows',
      post({
        inputs: [
          { name: 'x', shape: [1, 3], datatype: 'FP32', parameters: { shared_memory_region: 'r' } },
        ],
      }),
      /shared memory cannot be registered/,
    ),
    bad(
      'a reserved parameter',
      'add',
      post(ab({ parameters: { triton_enable: true } })),
      /parameters\.triton_enable/,
    ),
    bad(
      'a flag that is none',
      'add',
      post(ab({ parameters: { binary_data_output: 1 } })),
      /parameters\.binary_data_output: expected true or false, got 1/,
    ),
    bad(
      'a negative timeout',
      'add',
      post(ab({ parameters: { timeout: -1 } })),
      /parameters\.timeout/,
    ),
    bad(
      'a signature that there is not',
      'add',
      post(ab({ parameters: { signature_name: 'none' } })),
      /signature_name: expected one of serving_default, got 'none'/,
    ),
    bad(
      'JSON that is nested too deep',
      'add',
      post(`{"inputs":${'['.repeat(200_000)}`),
      /expected an object, got/,
    ),
    bad(
      'JSON that is nested too deep where nobody looks',
      'add',
      post(`{"other":${'['.repeat(200_000)}`),
      /nested more than 100/,
    ),
    bad(
      'data that is nested too deep',
      'rows',
      post(`{"inputs":[{"name":"x","shape":[1,3],"datatype":"FP32","data":${'['.repeat(100_000)}`),
      /nested more than 100/,
    ),
    bad(
      'a run that fails by its values',
      'index',
      post({
        inputs: [
          tensor('x', 'FP32', [3, 4], Array(12).fill(0)),
          tensor('i', 'INT64', [2], [0, 99]),
          tensor('each', 'INT64', [3, 2], Array(6).fill(0)),
          tensor('updates', 'FP32', [3, 2], Array(6).fill(0)),
          tensor('mask', 'BOOL', [2, 3], Array(6).fill(true)),
        ],
      }),
      /out of data bounds|indices element out of|run/i,
    ),
    bad(
      'a model whose input is no tensor',
      'sequence',
      post({ inputs: [] }),
      /is missing|no tensor/,
    ),
  ];
  testEdges(() => running, edges);
});
