import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, expect, it } from 'vitest';

import {
  PREDICTION,
  V2,
  callGrpc,
  infer,
  input,
  raw,
  serveGrpc,
  type RunningGrpc,
} from './grpc-support';
import { Packed, encode, varint } from './protobuf';

const REQUESTS = Number(process.env['ONLITE_TEST_REQUESTS'] ?? 2000);

let running: RunningGrpc;
beforeAll(async () => {
  running = await serveGrpc(
    {
      rows: 'identity_float32.onnx',
      text: 'identity_string.onnx',
      add: 'add4.tflite',
      small: 'identity_int8.onnx',
    },
    { maxBodyBytes: 1 << 20 },
  );
});
afterAll(async () => {
  running.client.close();
  await running.server.close();
});

/** Numbers that look random and are the same each time (Mulberry32). */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 4_294_967_296;
  };
}

const tensorProto = (dtype: number, dims: number[]) =>
  [
    [1, dtype],
    [2, dims.map((size) => [2, [[1, size]]] as const)],
  ] as const;
const x = [
  [1, [[1, 'x'] as const, [2, [[2, [[1, new Packed('float', [1, 2, 3])]]]]] as const]],
] as const;
const seeds: readonly (readonly [string, Buffer])[] = [
  [`${V2}ModelInfer`, encode(infer('rows', [input('x', 'FP32', [1, 3])], [raw(1, 2, 3)]))],
  [
    `${V2}ModelInfer`,
    encode(
      infer('small', [input('x', 'INT8', [1, 3], [[5, [[2, new Packed('varint', [-1, 2, 3])]]]])]),
    ),
  ],
  [
    `${V2}ModelInfer`,
    encode(
      infer(
        'text',
        [input('x', 'BYTES', [1, 3])],
        [[7, Buffer.from('\x01\0\0\0a\0\0\0\0\0\0\0\0')]],
      ),
    ),
  ],
  [
    `${PREDICTION}Predict`,
    encode([
      [1, [[1, 'rows']]],
      [
        2,
        [
          [1, 'x'],
          [2, [...tensorProto(1, [1, 3]), [5, new Packed('float', [1, 2, 3])]]],
        ],
      ],
    ]),
  ],
  [
    `${PREDICTION}Classify`,
    encode([
      [1, [[1, 'rows']]],
      [2, [[1, [[1, [[1, x]]]]]]],
    ]),
  ],
];

const tokens = [
  Buffer.of(0xff),
  Buffer.of(0),
  Buffer.of(0x7f),
  varint(-1n),
  varint(2n ** 62n),
  Buffer.of(0x2a, 2, 0x1b, 0x1c),
  Buffer.of(0x18, 3),
  Buffer.of(0x3a, 4),
];

function mutate(body: Buffer, random: () => number): Buffer {
  let bytes: Buffer = Buffer.from(body);
  for (let left = random() < 0.7 ? 1 : 3; left > 0; left--) {
    const place = Math.floor(random() * (bytes.length + 1));
    const other = Math.min(bytes.length, place + Math.floor(random() * 6));
    const token = tokens[Math.floor(random() * tokens.length)]!;
    switch (Math.floor(random() * 5)) {
      case 0:
        if (place < bytes.length) bytes[place] = bytes[place]! ^ (1 << Math.floor(random() * 8));
        break;
      case 1:
        bytes = bytes.subarray(0, place);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, place), token, bytes.subarray(other)]);
        break;
      case 3:
        if (place < bytes.length) bytes[place] = Math.floor(random() * 256);
        break;
      default:
        bytes = Buffer.concat([bytes.subarray(0, other), bytes.subarray(place)]);
    }
  }
  return bytes;
}

it('answers or refuses mutated requests, and nothing is left of them', async () => {
  const random = randomOf(14);
  const proper = new Set([
    status.OK,
    status.INVALID_ARGUMENT,
    status.NOT_FOUND,
    // What is no message: grpc's own.
    status.INTERNAL,
  ]);
  const seen = new Map<status, number>();
  for (const [path, bytes] of seeds) {
    expect(await callGrpc(running.client, path, bytes)).toMatchObject({ code: status.OK });
  }
  const before = process.memoryUsage().arrayBuffers;
  for (let round = 0; round < REQUESTS; round += 20) {
    const calls = Array.from({ length: 20 }, async () => {
      const [path, seed] = seeds[Math.floor(random() * seeds.length)]!;
      const bytes = mutate(seed, random);
      const { code, details } = await callGrpc(running.client, path, bytes);
      const isOwn = code === status.INTERNAL && !details.startsWith('the request cannot be read: ');
      if (!proper.has(code) || isOwn) {
        throw new Error(`${status[code]} for ${path} ${bytes.toString('hex')}: ${details}`);
      }
      seen.set(code, (seen.get(code) ?? 0) + 1);
    });
    await Promise.all(calls);
  }
  expect(seen.get(status.INVALID_ARGUMENT)).toBeGreaterThan(REQUESTS / 25);
  expect(seen.get(status.INTERNAL)).toBeGreaterThan(REQUESTS / 10);
  expect(seen.get(status.OK)).toBeGreaterThan(0);
  for (const [path, bytes] of seeds) {
    expect(await callGrpc(running.client, path, bytes)).toMatchObject({ code: status.OK });
  }
  expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
});
