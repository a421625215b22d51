import { afterAll, beforeAll, describe, expect } from 'vitest';

import { testEdges } from './edges';
import { post, serve, type Edge, type Running } from './support';

let running: Running;
beforeAll(async () => {
  running = await serve({ rows: 'identity_float32.onnx' });
});
afterAll(() => running.server.close());

describe('classify and regress', () => {
  const edge = (
    title: string,
    target: string,
    body: unknown,
    status: number,
    wanted: Edge['body'],
  ): Edge => ({
    title,
    path: `/v1/models/${target}`,
    call: post(body),
    status,
    body: wanted,
  });
  const x = [0.5, 1.5, 2.5];
  testEdges(
    () => running,
    [
      edge('classify', 'rows:classify', { examples: [{ x }, { x: [0.25, 0.5, 0.75] }] }, 200, {
        results: [
          [
            ['', 0.5],
            ['', 1.5],
            ['', 2.5],
          ],
          [
            ['', 0.25],
            ['', 0.5],
            ['', 0.75],
          ],
        ],
      }),
      edge('a context for all', 'rows:classify', { context: { x }, examples: [{}, {}] }, 200, {
        results: [expect.anything(), expect.anything()],
      }),
      edge(
        'regress of more than a number a row',
        'rows:regress',
        { examples: [{ x }] },
        400,
        /one number a row/,
      ),
      edge(
        'no examples',
        'rows:classify',
        { examples: [] },
        400,
        /examples: expected a list with elements/,
      ),
      edge('no list', 'rows:classify', {}, 400, /expected 'examples'/),
      edge(
        'a feature that is missing',
        'rows:classify',
        { examples: [{}] },
        400,
        /examples\[0\]: the feature 'x' is missing/,
      ),
      edge(
        'a list of 10 and 10.0',
        'rows:classify',
        '{"examples": [{"x": [10, 10.0, 1.5]}]}',
        400,
        /values of one kind/,
      ),
      edge(
        'null',
        'rows:classify',
        { examples: [{ x: null }] },
        400,
        /examples\[0\]\.x: expected a number/,
      ),
      edge(
        'nested lists',
        'rows:classify',
        { examples: [{ x: [[1, 2, 3]] }] },
        400,
        /examples\[0\]\.x\[0\]: expected a number/,
      ),
      edge(
        'a number beyond int64',
        'rows:classify',
        '{"examples": [{"x": [9223372036854775808, 1, 2]}]}',
        400,
        /int64/,
      ),
      edge(
        'strings for floats',
        'rows:classify',
        { examples: [{ x: ['a', 'b', 'c'] }] },
        400,
        /expected values for float32, got strings/,
      ),
    ],
  );
});
