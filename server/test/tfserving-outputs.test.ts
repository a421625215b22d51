import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

import { createServer, type ModelServer } from '@onlite/server';
import { afterAll, beforeAll, describe } from 'vitest';

import { testEdges } from './edges';
import { encode, type Message } from './protobuf';
import { post, type Edge, type Running } from './support';

const FLOAT = 1;
const STRING = 8;

/** A tensor as an ONNX graph has its inputs and outputs, with a first dimension of any size. */
function port(name: string, type: number, dims: readonly number[]): Message {
  const shape: Message = [[1, [[2, 'rows']]], ...dims.map((dim) => [1, [[1, dim]]] as const)];
  return [
    [1, name],
    [
      2,
      [
        [
          1,
          [
            [1, type],
            [2, shape],
          ],
        ],
      ],
    ],
  ];
}

interface Node {
  readonly op: string;
  readonly from: readonly string[];
  readonly to: string;
  readonly attributes?: readonly Message[];
}

/** An ONNX model of some nodes (onnx.proto3). */
function onnx(
  nodes: readonly Node[],
  inputs: readonly Message[],
  outputs: readonly Message[],
): Buffer {
  const graph: Message = [
    ...nodes.map(({ op, from, to, attributes = [] }) => {
      const names = from.map((name) => [1, name] as const);
      return [
        1,
        [...names, [2, to], [4, op], ...attributes.map((each) => [5, each] as const)],
      ] as const;
    }),
    [2, 'graph'],
    ...inputs.map((each) => [11, each] as const),
    ...outputs.map((each) => [12, each] as const),
  ];
  return encode([
    [1, 8],
    [7, graph],
    [8, [[2, 13]]],
  ]);
}

const integer = (name: string, value: number): Message => [
  [1, name],
  [3, value],
  [20, 2],
];

const copies = (op: string, from: string, to: string): Node => ({ op, from: [from], to });

const models = {
  bytes: onnx(
    [copies('Identity', 'text', 'image_bytes'), copies('Identity', 'text', 'name')],
    [port('text', STRING, [])],
    [port('image_bytes', STRING, []), port('name', STRING, [])],
  ),
  one: onnx(
    [copies('Identity', 'text', 'image_bytes')],
    [port('text', STRING, [])],
    [port('image_bytes', STRING, [])],
  ),
  unequal: onnx(
    [
      copies('Neg', 'x', 'same'),
      { op: 'Concat', from: ['x', 'x'], to: 'twice', attributes: [integer('axis', 0)] },
    ],
    [port('x', FLOAT, [2])],
    [port('same', FLOAT, [2]), port('twice', FLOAT, [2])],
  ),
};

let running: Running;
let server: ModelServer;
const folder = mkdtempSync(join(tmpdir(), 'onlite-outputs-'));
beforeAll(async () => {
  server = createServer();
  for (const [name, bytes] of Object.entries(models)) {
    const file = join(folder, `${name}.onnx`);
    writeFileSync(file, bytes);
    await server.load({ name, version: '1', file });
  }
  const { port: at } = await server.listen(0);
  running = { server, port: at, url: `http://127.0.0.1:${at}` };
});
afterAll(async () => {
  await server.close();
  rmSync(folder, { recursive: true });
});

const predict = (
  title: string,
  model: string,
  body: object,
  status: number,
  wanted: Edge['body'],
): Edge => ({ title, path: `/v1/models/${model}:predict`, call: post(body), status, body: wanted });

describe("TensorFlow Serving's outputs", () => {
  testEdges(
    () => running,
    [
      predict(
        'that are called …_bytes are base64, in rows',
        'bytes',
        { instances: ['ab', 'ü'] },
        200,
        {
          predictions: [
            { image_bytes: { b64: 'YWI=' }, name: 'ab' },
            { image_bytes: { b64: 'w7w=' }, name: 'ü' },
          ],
        },
      ),
      predict('that are called …_bytes are base64, in columns', 'bytes', { inputs: ['ab'] }, 200, {
        outputs: { image_bytes: [{ b64: 'YWI=' }], name: ['ab'] },
      }),
      predict('that are called …_bytes are base64, alone', 'one', { instances: ['ab'] }, 200, {
        predictions: [{ b64: 'YWI=' }],
      }),
      predict(
        'whose first dimensions are unequal have no rows',
        'unequal',
        { instances: [[1, 2]] },
        400,
        { error: /same|twice/ },
      ),
      predict(
        'whose first dimensions are unequal have columns',
        'unequal',
        { inputs: [[1, 2]] },
        200,
        {
          outputs: {
            same: [[-1, -2]],
            twice: [
              [1, 2],
              [1, 2],
            ],
          },
        },
      ),
    ],
  );
});
