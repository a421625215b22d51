import { Agent, request as httpRequest } from 'node:http';

import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { serve, type Running } from './support';

/** Requests of each protocol; a nightly run makes 10,000. */
const REQUESTS = Number(process.env['ONLITE_TEST_REQUESTS'] ?? 400);

let running: Running;
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
beforeAll(async () => {
  running = await serve(
    {
      rows: 'identity_float32.onnx',
      text: 'identity_string.onnx',
      add: 'add4.tflite',
      index: 'index.onnx',
      bytes: 'identity_uint8.onnx',
    },
    { maxBodyBytes: 1 << 20 },
  );
});
afterAll(async () => {
  agent.destroy();
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

interface Seed {
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body: Buffer;
}

const floats = Buffer.from(Float32Array.of(1, 2, 3, 4, 5, 6).buffer);
const binaryHead = JSON.stringify({
  inputs: [{ name: 'x', shape: [2, 3], datatype: 'FP32', parameters: { binary_data_size: 24 } }],
  outputs: [{ name: 'y', parameters: { binary_data: true } }],
});
const seed = (path: string, body: unknown, headers: Record<string, string> = {}): Seed => ({
  path,
  headers,
  body: Buffer.isBuffer(body)
    ? body
    : Buffer.from(typeof body === 'string' ? body : JSON.stringify(body)),
});
const JSON_TYPE = { 'content-type': 'application/json' };
const four = [1, 2, 3, 4];

const seeds: Readonly<Record<string, readonly Seed[]>> = {
  oip: [
    seed('/v2/models/rows/infer', {
      id: '1',
      inputs: [{ name: 'x', shape: [2, 3], datatype: 'FP32', data: [1, 2.5, -3e2, 4, 5, 6] }],
    }),
    seed('/v2/models/rows/infer', Buffer.concat([Buffer.from(binaryHead), floats]), {
      'inference-header-content-length': String(binaryHead.length),
    }),
    seed('/v2/models/rows/infer', floats, { 'inference-header-content-length': '0' }),
    seed('/v2/models/text/infer', {
      inputs: [{ name: 'x', shape: [1, 3], datatype: 'BYTES', data: ['a', 'b\\n', 'ü'] }],
    }),
    seed('/v2/models/index/infer', {
      inputs: [
        { name: 'x', shape: [3, 4], datatype: 'FP32', data: Array(12).fill(1) },
        { name: 'i', shape: [2], datatype: 'INT64', data: [0, 2] },
        { name: 'each', shape: [3, 2], datatype: 'INT64', data: Array(6).fill(0) },
        { name: 'updates', shape: [3, 2], datatype: 'FP32', data: Array(6).fill(0) },
        { name: 'mask', shape: [2, 3], datatype: 'BOOL', data: Array(6).fill(true) },
      ],
    }),
    seed('/v2/repository/index', { ready: true }),
  ],
  tfserving: [
    seed('/v1/models/rows:predict', {
      instances: [
        [1, 2, 3],
        [4, 5.5, 6e1],
      ],
    }),
    seed('/v1/models/add:predict', {
      signature_name: 'serving_default',
      inputs: { a: four, b: four },
    }),
    seed('/v1/models/text:predict', { instances: [{ x: ['a', { b64: 'YQ==' }, 'c'] }] }),
    seed('/v1/models/rows:classify', { context: { y: 1 }, examples: [{ x: [1.5, 2.5, 3.5] }] }),
  ],
  mlflow: [
    seed(
      '/models/rows/invocations',
      { dataframe_split: { columns: ['a', 'b', 'c'], data: [[1, 2, 3]] } },
      JSON_TYPE,
    ),
    seed('/models/rows/invocations', { dataframe_records: [{ a: 1, b: 2, c: null }] }, JSON_TYPE),
    seed('/models/add/invocations', { inputs: { a: four, b: four } }, JSON_TYPE),
    seed('/models/rows/invocations', 'a,b,c\n1,2,"3"\n', { 'content-type': 'text/csv' }),
  ],
  torchserve: [
    seed('/predictions/rows', [[1, 2, 3]], JSON_TYPE),
    seed('/predictions/bytes', 'abc'),
  ],
};

const tokens = [
  '"',
  '[',
  ']',
  '{',
  '}',
  ',',
  ':',
  '-',
  '0',
  '1e999',
  'null',
  'NaN',
  '9223372036854775807',
  '4294967296',
  '-1',
  'true',
  '\\u0000',
  '"x"',
  '1.5',
  ' ',
];

/** One to four changes of the kinds that damaged and hostile requests have. */
function mutate(body: Buffer, random: () => number): Buffer {
  let bytes: Buffer = Buffer.from(body);
  const at = () => Math.floor(random() * (bytes.length + 1));
  for (let left = 1 + Math.floor(random() * 4); left > 0; left--) {
    const place = at();
    const token = Buffer.from(tokens[Math.floor(random() * tokens.length)]!);
    const other = Math.min(bytes.length, place + Math.floor(random() * 8));
    switch (Math.floor(random() * 6)) {
      case 0:
        if (place < bytes.length) bytes[place] = bytes[place]! ^ (1 << Math.floor(random() * 8));
        break;
      case 1:
        bytes = bytes.subarray(0, place);
        break;
      case 2:
        bytes = Buffer.concat([bytes.subarray(0, place), token, bytes.subarray(place)]);
        break;
      case 3:
        bytes = Buffer.concat([bytes.subarray(0, place), token, bytes.subarray(other)]);
        break;
      case 4:
        bytes = Buffer.concat([bytes.subarray(0, other), bytes.subarray(place)]);
        break;
      default:
        bytes = Buffer.concat([
          bytes.subarray(0, place),
          Buffer.alloc(random() * 300, token),
          bytes.subarray(place),
        ]);
    }
  }
  return bytes;
}

function send({ path, headers, body }: Seed): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const request = httpRequest(
      {
        agent,
        host: '127.0.0.1',
        port: running.port,
        method: 'POST',
        path,
        headers: { ...headers, 'content-length': String(body.length) },
      },
      (response) => {
        let text = '';
        response.setEncoding('latin1');
        response.on('data', (chunk: string) => (text += chunk));
        response.on('end', () => resolve({ status: response.statusCode ?? 0, text }));
      },
    );
    request.on('error', reject);
    request.end(body);
  });
}

describe.each(Object.keys(seeds))('mutated requests of %s', (protocol) => {
  it('are answered or refused, and nothing is left of them', async () => {
    const random = randomOf(protocol.length);
    const list = seeds[protocol]!;
    const statuses = new Map<number, number>();
    for (const each of list) expect(await send(each)).toMatchObject({ status: 200 });
    const before = process.memoryUsage().arrayBuffers;
    for (let round = 0; round < REQUESTS; round++) {
      const chosen = list[Math.floor(random() * list.length)]!;
      const headers = { ...chosen.headers };
      const length = headers['inference-header-content-length'];
      if (length !== undefined && random() < 0.3) {
        headers['inference-header-content-length'] = String(Math.floor(random() * 400) - 5);
      }
      const body = mutate(chosen.body, random);
      const { status, text } = await send({ ...chosen, headers, body });
      const isRefused = status >= 400 && status < 500;
      if (!isRefused && status !== 200) {
        throw new Error(
          `${status} for ${chosen.path} ${JSON.stringify(headers)} ${body.toString('latin1')}: ${text}`,
        );
      }
      // What refuses says why.
      if (isRefused) expect(text).toMatch(/"(error|message)":".+"/);
      statuses.set(status, (statuses.get(status) ?? 0) + 1);
    }
    expect(statuses.get(400)).toBeGreaterThan(REQUESTS / 4);
    for (const each of list) expect(await send(each)).toMatchObject({ status: 200 });
    // Memory of the requests themselves goes with them; what is kept for later ones is bounded.
    expect(process.memoryUsage().arrayBuffers - before).toBeLessThan(64 << 20);
  });
});
