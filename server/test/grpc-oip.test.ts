import { status } from '@grpc/grpc-js';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import {
  HEALTH,
  V2,
  callGrpc,
  infer,
  input,
  parameter,
  raw,
  serveGrpc,
  type GrpcReply,
  type RunningGrpc,
} from './grpc-support';
import { Packed, decode, floatsOf, inside, texts, varint, varints, type Message } from './protobuf';

let running: RunningGrpc;
beforeAll(async () => {
  running = await serveGrpc(
    {
      add: 'add4.onnx',
      lite: 'add4.tflite',
      rows: 'identity_float32.onnx',
      bool: 'identity_bool.onnx',
      bytes: 'identity_uint8.onnx',
      small: 'identity_int8.onnx',
      big: 'identity_int64.onnx',
      unsigned: 'identity_uint64.onnx',
      wide: 'identity_float64.onnx',
      half: 'identity_float16.onnx',
      text: 'identity_string.onnx',
      signatures: 'signatures.tflite',
    },
    { control: true, maxBodyBytes: 1 << 20 },
  );
});
afterAll(async () => {
  running.client.close();
  await running.server.close();
});

const call = (method: string, message: Message | Buffer = []): Promise<GrpcReply> =>
  callGrpc(running.client, method.startsWith('/') ? method : V2 + method, message);
const answered = async (method: string, message: Message | Buffer = []) => {
  const { code, details, bytes } = await call(method, message);
  expect({ code, details }).toEqual({ code: status.OK, details: '' });
  return decode(bytes);
};

const contents = (field: number, packed: Packed | string): Message => [[5, [[field, packed]]]];
const one = (datatype: string, shape: number[], more: Message = []) =>
  input('x', datatype, shape, more);

describe('infer', () => {
  it.each(['add', 'lite'])('takes and gives raw tensors of %s', async (model) => {
    const inputs = [input('a', 'FP32', [4]), input('b', 'FP32', [4])];
    const message = infer(model, inputs, [[3, '7'], raw(1, 2, 3, 4), raw(10, 20, 30, 40)]);
    const answer = await answered('ModelInfer', message);
    expect(texts(answer[1])).toEqual([model]);
    expect(texts(answer[2])).toEqual(['1']);
    expect(texts(answer[3])).toEqual(['7']);
    const output = inside(answer, 5);
    expect(texts(output[1])).toEqual(['sum']);
    expect(texts(output[2])).toEqual(['FP32']);
    expect(varints(output[3]![0])).toEqual([4n]);
    expect(floatsOf(answer[6]![0])).toEqual([11, 22, 33, 44]);
  });

  it.each([
    ['rows', 'FP32', 6, new Packed('float', [1.5, NaN, -0]), Float32Array.of(1.5, NaN, -0)],
    ['wide', 'FP64', 7, new Packed('double', [0.1, 2, 3]), Float64Array.of(0.1, 2, 3)],
    ['bool', 'BOOL', 1, new Packed('varint', [1, 0, 1]), Uint8Array.of(1, 0, 1)],
    ['bytes', 'UINT8', 4, new Packed('varint', [0, 1, 255]), Uint8Array.of(0, 1, 255)],
    ['small', 'INT8', 2, new Packed('varint', [-128, 0, 127]), Int8Array.of(-128, 0, 127)],
    [
      'big',
      'INT64',
      3,
      new Packed('varint', [-(2n ** 63n), 2n ** 63n - 1n, 9007199254740993n]),
      BigInt64Array.of(-(2n ** 63n), 2n ** 63n - 1n, 9007199254740993n),
    ],
    [
      'unsigned',
      'UINT64',
      5,
      new Packed('varint', [0n, 2n ** 64n - 1n, 2n ** 63n]),
      BigUint64Array.of(0n, 2n ** 64n - 1n, 2n ** 63n),
    ],
  ])(
    'takes typed contents of %s and gives raw ones',
    async (model, datatype, field, packed, data) => {
      const answer = await answered(
        'ModelInfer',
        infer(model, [one(datatype, [1, 3], contents(field, packed))]),
      );
      expect(answer[6]).toEqual([Buffer.from(data.buffer)]);
      expect(varints(inside(answer, 5)[3]![0])).toEqual([1n, 3n]);
    },
  );

  it('takes numbers that are not packed, and fields that it does not know', async () => {
    const values: Message = [4, 5, 6].map((value) => [3, value]);
    const answer = await answered('ModelInfer', [
      [99, 'unknown'],
      ...infer('big', [
        [[77, 1n], ...input('x', 'INT64', [1, 3]), [5, [...values, [50, [[1, 2]]]]]],
      ]),
    ]);
    expect(answer[6]).toEqual([Buffer.from(BigInt64Array.of(4n, 5n, 6n).buffer)]);
  });

  it('takes and gives strings, raw and typed', async () => {
    const packed = Buffer.from('\x01\0\0\0a\0\0\0\0\x02\0\0\0ü', 'utf8');
    const typed: Message = [
      [
        5,
        [
          [8, 'a'],
          [8, ''],
          [8, 'ü'],
        ],
      ],
    ];
    for (const message of [
      infer('text', [one('BYTES', [1, 3])], [[7, packed]]),
      infer('text', [one('BYTES', [1, 3], typed)]),
    ]) {
      expect((await answered('ModelInfer', message))[6]).toEqual([packed]);
    }
  });

  it('takes an empty tensor in either form', async () => {
    for (const more of [[[7, '']] as Message, []]) {
      const answer = await answered('ModelInfer', infer('rows', [one('FP32', [0, 3])], more));
      expect(answer[6]).toEqual([Buffer.alloc(0)]);
    }
  });

  it('calls a signature by its name', async () => {
    const message = infer('signatures', [], [parameter(4, 'signature_name', 'none')]);
    const { details } = await call('ModelInfer', message);
    expect(details).toMatch(/signature_name: expected one of .+, got 'none'/);
  });

  const x23 = one('FP32', [2, 3]);
  const six = raw(1, 2, 3, 4, 5, 6);
  it.each<[string, Message, status, RegExp]>([
    ['an unknown model', infer('none', []), status.NOT_FOUND, /no model is called 'none'/],
    [
      'an unknown version',
      [...infer('rows', [x23], [six]), [2, '7']],
      status.NOT_FOUND,
      /'rows' has no version 7/,
    ],
    [
      'too few raw contents',
      infer('add', [input('a', 'FP32', [4]), input('b', 'FP32', [4])], [raw(1, 2, 3, 4)]),
      status.INVALID_ARGUMENT,
      /raw_input_contents: expected one for each of 2 inputs, got 1/,
    ],
    [
      'extra raw contents',
      infer('rows', [x23], [six, six]),
      status.INVALID_ARGUMENT,
      /raw_input_contents: expected one for each of 1 inputs, got 2/,
    ],
    [
      'raw and typed at once',
      infer('rows', [one('FP32', [2, 3], contents(6, new Packed('float', [1])))], [six]),
      status.INVALID_ARGUMENT,
      /inputs\[0\]\.contents: has no place beside raw_input_contents/,
    ],
    [
      'too few bytes',
      infer('rows', [x23], [raw(1, 2)]),
      status.INVALID_ARGUMENT,
      /raw_input_contents\[0\]: expected 24 bytes for the shape \[2,3\], got 8/,
    ],
    [
      'a shape that would need an exabyte',
      infer('rows', [one('FP32', [2 ** 40, 3])], [raw(1)]),
      status.INVALID_ARGUMENT,
      /raw_input_contents\[0\]: expected \d+ bytes/,
    ],
    [
      'a negative dimension',
      infer('rows', [one('FP32', [-1, 3])], [raw(1)]),
      status.INVALID_ARGUMENT,
      /inputs\[0\]\.shape\[0\]: expected a whole number of at least 0, got -1/,
    ],
    [
      'another type',
      infer('rows', [one('INT32', [2, 3])], [six]),
      status.INVALID_ARGUMENT,
      /inputs\[0\]\.datatype: expected 'FP32', got 'INT32'/,
    ],
    [
      'contents of another type',
      infer('rows', [one('FP32', [1, 3], contents(7, new Packed('double', [1, 2, 3])))]),
      status.INVALID_ARGUMENT,
      /contents\.fp64_contents: expected fp32_contents for FP32/,
    ],
    [
      'a number that the type cannot hold',
      infer('bytes', [one('UINT8', [1, 3], contents(4, new Packed('varint', [1, 256, 3])))]),
      status.INVALID_ARGUMENT,
      /inputs\[0\]\.contents\.uint_contents\[1\]: expected a number for uint8, got 256/,
    ],
    [
      'typed halves',
      infer('half', [one('FP16', [1, 3])]),
      status.INVALID_ARGUMENT,
      /FP16 has no typed contents/,
    ],
    [
      'a byte that is no bool',
      infer('bool', [one('BOOL', [1, 3])], [[7, Buffer.of(1, 2, 0)]]),
      status.INVALID_ARGUMENT,
      /raw_input_contents\[0\]: byte 1: expected 0 or 1, got 2/,
    ],
    [
      'a string that goes beyond the end',
      infer('text', [one('BYTES', [1, 3])], [[7, Buffer.alloc(12, 255)]]),
      status.INVALID_ARGUMENT,
      /goes beyond the end/,
    ],
    ['an input that is missing', infer('rows', []), status.INVALID_ARGUMENT, /'x' is missing/],
    [
      'an unknown output',
      [...infer('rows', [x23], [six]), [6, [[1, 'z']]]],
      status.INVALID_ARGUMENT,
      /outputs\[0\]\.name: expected one of y, got 'z'/,
    ],
    [
      'shared memory',
      infer('rows', [one('FP32', [2, 3], [parameter(4, 'shared_memory_region', 'r')])], [six]),
      status.INVALID_ARGUMENT,
      /shared memory cannot be registered/,
    ],
    [
      "a parameter of Triton's own",
      infer('rows', [x23], [six, parameter(4, 'triton_x', true)]),
      status.INVALID_ARGUMENT,
      /parameters\.triton_x: names that begin with 'triton_'/,
    ],
    [
      'a timeout of the wrong type',
      infer('rows', [x23], [six, parameter(4, 'timeout', 'soon')]),
      status.INVALID_ARGUMENT,
      /parameters\.timeout: expected microseconds/,
    ],
  ])('refuses %s', async (_, message, code, details) => {
    expect(await call('ModelInfer', message)).toMatchObject({
      code,
      details: expect.stringMatching(details) as string,
    });
  });

  it.each([
    ['a length that lies', Buffer.of(0x0a, 0x7f, 0x41)],
    [
      'a number of 11 bytes',
      Buffer.concat([Buffer.of(0x10), Buffer.alloc(10, 0xff), Buffer.of(1)]),
    ],
    ['a name that is no UTF-8', Buffer.of(0x0a, 1, 0xff)],
    ['a field 0', Buffer.of(0x02, 0)],
    ['groups in groups', Buffer.alloc(1000, 0x1b + 8 * 10)],
    ['the end of no group', Buffer.of(0x0c)],
    ['half a float', Buffer.concat([Buffer.of(0x2a, 5, 0x2a, 3, 0x32, 1, 0)])],
  ])('tells by INTERNAL of %s', async (_, bytes) => {
    expect(await call('ModelInfer', bytes)).toMatchObject({ code: status.INTERNAL });
  });

  it('limits messages to the limit of bodies', async () => {
    const bytes = Buffer.concat([Buffer.of(0x3a), varint(2n << 20n), Buffer.alloc(2 << 20)]);
    expect((await call('ModelInfer', bytes)).code).toBe(status.RESOURCE_EXHAUSTED);
  });

  it('shortens what it says of a long name', async () => {
    const { code, details } = await call('ModelInfer', infer('🙂'.repeat(50_000), []));
    expect(code).toBe(status.NOT_FOUND);
    expect(details.length).toBeLessThan(1100);
  });
});

describe('what there is', () => {
  it('is alive and ready', async () => {
    expect((await answered('ServerLive'))[1]).toEqual([1n]);
    expect((await answered('ServerReady'))[1]).toEqual([1n]);
    expect((await answered('ModelReady', [[1, 'add']]))[1]).toEqual([1n]);
    expect((await call('ModelReady', [[1, 'none']])).code).toBe(status.NOT_FOUND);
  });

  it('tells of server, models and their configuration', async () => {
    const server = await answered('ServerMetadata');
    expect(texts(server[1])).toEqual(['onlite']);
    expect(texts(server[3])).toContain('statistics');
    const model = await answered('ModelMetadata', [[1, 'rows']]);
    expect([texts(model[1]), texts(model[2])]).toEqual([['rows'], ['1']]);
    const tensor = inside(model, 4);
    expect([texts(tensor[1]), texts(tensor[2])]).toEqual([['x'], ['FP32']]);
    expect(varints(tensor[3]![0])).toEqual([BigInt.asUintN(64, -1n), 3n]);
    const config = inside(await answered('ModelConfig', [[1, 'rows']]), 1);
    expect(texts(config[8])).toEqual(['identity_float32.onnx']);
    expect(inside(config, 5)[2]).toEqual([11n]);
    // Of what is loaded by a program: all.
    expect(Object.keys(inside(config, 3))).toEqual(['2']);
  });

  it('counts requests', async () => {
    const count = async () => {
      const model = inside(await answered('ModelStatistics', [[1, 'wide']]), 1);
      return inside(inside(model, 6), 1)[1]?.[0] ?? 0n;
    };
    const before = (await count()) as bigint;
    const values = contents(7, new Packed('double', [1, 2, 3]));
    await answered('ModelInfer', infer('wide', [one('FP64', [1, 3], values)]));
    expect(await count()).toBe(before + 1n);
  });

  it('loads and unloads as Triton does', async () => {
    await answered('RepositoryModelUnload', [
      [2, 'lite'],
      parameter(3, 'unload_dependents', false),
    ]);
    const names = async () =>
      (await answered('RepositoryIndex', [[2, true]]))[1]!.map((entry) =>
        String(decode(entry as Buffer)[1]?.[0]),
      );
    expect(await names()).not.toContain('lite');
    await answered('RepositoryModelLoad', [[2, 'lite']]);
    expect(await names()).toContain('lite');
    const config = await call('RepositoryModelLoad', [[2, 'lite'], parameter(3, 'config', '{}')]);
    expect(config.code).toBe(status.INVALID_ARGUMENT);
  });

  it('has no methods for shared memory', async () => {
    expect((await call('SystemSharedMemoryStatus')).code).toBe(status.UNIMPLEMENTED);
  });
});

describe('health', () => {
  it.each(['', 'inference.GRPCInferenceService', 'tensorflow.serving.PredictionService'])(
    'of %j',
    async (service) => {
      expect((await answered(`${HEALTH}Check`, [[1, service]]))[1]).toEqual([1n]);
    },
  );
  it('of what there is not', async () => {
    expect((await call(`${HEALTH}Check`, [[1, 'none']])).code).toBe(status.NOT_FOUND);
  });
});
