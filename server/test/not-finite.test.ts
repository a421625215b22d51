import { afterAll, beforeAll, describe } from 'vitest';

import { testEdges } from './edges';
import { binary, binaryInput, floats, path } from './oip-requests';
import { post, serve, type Call, type Edge, type Running } from './support';

let running: Running;
beforeAll(async () => {
  running = await serve({ rows: 'identity_float32.onnx' }, { nonFinite: 'refuse' });
});
afterAll(() => running.server.close());

const JSON_TYPE = { 'content-type': 'application/json' };
const oip = (data: string): Call =>
  post(`{"inputs":[{"name":"x","datatype":"FP32","shape":[1,3],"data":${data}}]}`);
const sent = (binaryOutput: boolean): Call =>
  binary(
    {
      inputs: [binaryInput('x', 'FP32', [1, 3], 12)],
      parameters: { binary_data_output: binaryOutput },
    },
    floats(1, NaN, 2),
  );
const predict = '/v1/models/rows:predict';
const edge = (
  title: string,
  where: string,
  request: Call,
  status: number,
  body?: RegExp,
): Edge => ({
  title,
  path: where,
  call: request,
  status,
  body,
});

describe('where JSON may have no number that is not finite', () => {
  testEdges(
    () => running,
    [
      edge('finite numbers', path('rows'), oip('[1,2,3]'), 200, /\[1,2,3\]/),
      edge('NaN', path('rows'), oip('[1,NaN,3]'), 400, /inputs\[0\]\.data\[1\]: expected/),
      edge(
        'beyond float32',
        path('rows'),
        oip('[1e39,2,3]'),
        400,
        /inputs\[0\]\.data\[0\]: expected/,
      ),
      edge('NaN in an answer', path('rows'), sent(false), 400, /output 'y'\[1\]: /),
      edge('NaN in binary form', path('rows'), sent(true), 200),
      edge(
        'instances',
        predict,
        post('{"instances":[[1,2,Infinity]]}'),
        400,
        /instances\[0\]\[2\]/,
      ),
      edge('inputs', predict, post('{"inputs":[[-Infinity,2,3]]}'), 400, /inputs\[0\]\[0\]/),
      edge('TorchServe', '/predictions/rows', post('[[1,2,NaN]]', JSON_TYPE), 400, /\[0\]\[2\]/),
      edge(
        'MLflow',
        '/invocations',
        post('{"inputs":[[1,2,NaN]]}', JSON_TYPE),
        400,
        /inputs\[0\]\[2\]/,
      ),
      // Which MLflow's clients send for a value that is missing.
      edge(
        'null in a data frame',
        '/invocations',
        post('{"dataframe_records":[{"x":[1,null,2]}]}', JSON_TYPE),
        400,
        /output 'y'/,
      ),
    ],
  );
});

describe('a bracket too many', () => {
  testEdges(
    () => running,
    [
      edge('instances', predict, post('{"instances":[[1,2,3]]]}'), 400, /expected the end/),
      edge('inputs', predict, post('{"inputs":[[1,2,3]]],"a":1}'), 400, /expected the end/),
      edge(
        'MLflow',
        '/invocations',
        post('{"inputs":[[1,2,3]]]}', JSON_TYPE),
        400,
        /expected the end/,
      ),
      edge(
        'a data frame',
        '/invocations',
        post('{"dataframe_split":{"columns":[0,1,2],"data":[[1,2,3]]]}}', JSON_TYPE),
        400,
        /expected/,
      ),
    ],
  );
});
