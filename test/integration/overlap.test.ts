import { InferenceSession, Tensor, TensorPool } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { expectError, fixture } from './support';

const Resizable = ArrayBuffer as unknown as new (
  length: number,
  options: { maxByteLength: number },
) => ArrayBuffer;

type Floats = Tensor<'float32'>;

const length = 4;
const bytes = 4 * length;

/** Two tensors of four floats that have some of their memory in common, by kind of memory. */
const kinds: [string, () => { first: Floats; second: Floats }][] = [
  [
    'the same tensor',
    () => {
      const tensor = new Tensor('float32', new Float32Array(length));
      return { first: tensor, second: tensor };
    },
  ],
  ['parts of one ArrayBuffer', () => parts(new ArrayBuffer(4 * bytes))],
  ['parts of one SharedArrayBuffer', () => parts(new SharedArrayBuffer(4 * bytes))],
  [
    'one memory under two SharedArrayBuffers',
    () => {
      const buffer = new SharedArrayBuffer(4 * bytes);
      const other = structuredClone<SharedArrayBuffer>(buffer);
      expect(other).not.toBe(buffer);
      return { first: part(buffer, 0), second: part(other, 4) };
    },
  ],
  ['a resizable ArrayBuffer', () => parts(new Resizable(4 * bytes, { maxByteLength: 8 * bytes }))],
  ['a pooled tensor', () => same(pool)],
  ['a tensor of a shared pool', () => same(sharedPool)],
];

const pool = new TensorPool();
const sharedPool = new TensorPool({ shared: true });

function part(buffer: ArrayBufferLike, offset: number): Floats {
  return new Tensor('float32', new Float32Array(buffer, offset, length));
}

function parts(buffer: ArrayBufferLike): { first: Floats; second: Floats } {
  // The last element of the one is the first of the other.
  return { first: part(buffer, 0), second: part(buffer, bytes - 4) };
}

function same(from: TensorPool): { first: Floats; second: Floats } {
  const first = from.acquire('float32', [length]);
  // A view that the pool's tensor does not know of.
  const { data } = first;
  const second = new Tensor('float32', new Float32Array(data.buffer, data.byteOffset, length));
  return { first, second };
}

const numbers = (): Floats => new Tensor('float32', [1, 2, 3, 4]);

describe.each(['add4.onnx', 'add4.tflite'])('memory that outputs of %s share', (file) => {
  let session: InferenceSession;
  let a: string;
  let b: string;
  let sum: string;
  beforeAll(async () => {
    session = await InferenceSession.create(fixture(file));
    [a = '', b = ''] = session.inputNames;
    [sum = ''] = session.outputNames;
  });
  afterAll(() => session.release());

  const refused = (operation: () => unknown): Promise<void> =>
    expectError(operation, 'ERR_INVALID_ARGUMENT', /^outputs\..*inputs\..* does$/);

  describe.each(kinds)('with an input: %s', (_, make) => {
    it.each([
      ['by the quick way', {}],
      ['by the ordinary way', { tag: 'ordinary' }],
    ])('is refused for fetches %s', async (__, options) => {
      const { first, second } = make();
      for (const [input, output] of [
        [first, second],
        [second, first],
      ] as const) {
        const feeds = { [a]: numbers(), [b]: input };
        const fetches = { [sum]: output };
        await refused(() => session.run(feeds, fetches, options));
        await refused(() => session.runSync(feeds, fetches, options));
        await refused(() => session.run(feeds, fetches, { ...options, timeoutMs: 60_000 }));
      }
    });

    it('is refused by bind, whichever comes second', async () => {
      const { first, second } = make();
      await refused(() => session.bind({ inputs: { [a]: first }, outputs: { [sum]: second } }));
      using io = session.bind({ inputs: { [a]: first, [b]: numbers() } });
      await refused(() => {
        io.setOutput(sum, second);
      });
      using other = session.bind({ outputs: { [sum]: second } });
      await refused(() => {
        other.setInput(b, first);
      });
      // What was bound before stays bound.
      first.data.fill(2);
      io.runSync();
      expect([...(io.outputs[sum]!.data as Float32Array)]).toEqual([3, 4, 5, 6]);
      await io.run();
      other.runSync();
      other.setInput(b, numbers());
      other.setInput(a, numbers());
      other.runSync();
      expect([...second.data]).toEqual([2, 4, 6, 8]);
    });
  });

  it('is no matter beside it, or where nothing is', async () => {
    const buffer = new ArrayBuffer(4 * bytes);
    const x = part(buffer, 0);
    const y = part(buffer, bytes);
    const z = part(buffer, 2 * bytes);
    new Float32Array(buffer).fill(1);
    const feeds = { [a]: x, [b]: z };
    for (const run of [
      () => session.run(feeds, { [sum]: y }),
      () => session.runSync(feeds, { [sum]: y }),
      () => session.run(feeds, { [sum]: y }, { tag: 'ordinary' }),
      () => session.runSync(feeds, { [sum]: y }, { tag: 'ordinary' }),
    ]) {
      y.data.fill(0);
      await run();
      expect([...new Float32Array(buffer, bytes, length)]).toEqual([2, 2, 2, 2]);
    }
    using io = session.bind({ inputs: feeds, outputs: { [sum]: y } });
    io.runSync();
    expect([...y.data]).toEqual([2, 2, 2, 2]);
  });

  it('may be new memory where detached memory was', async () => {
    const first = numbers();
    using io = session.bind({ inputs: { [a]: first, [b]: numbers() } });
    structuredClone(first.data.buffer, { transfer: [first.data.buffer as ArrayBuffer] });
    for (let round = 0; round < 100; round++) io.setOutput(sum, numbers());
    await expectError(
      () => {
        io.runSync();
      },
      'ERR_BUFFER_DETACHED',
      /^inputs\./,
    );
  });
});

describe.each(['many_outputs.onnx', 'many_outputs.tflite'])('two outputs of %s', (file) => {
  it('may not share memory', async () => {
    await using session = await InferenceSession.create(fixture(file));
    const feeds = Object.fromEntries(
      session.inputMetadata.map((input) => {
        if (!input.isTensor) throw new Error('not a tensor');
        const dims = input.shape.map((dim) => (typeof dim === 'number' && dim >= 0 ? dim : 1));
        const size = dims.reduce((product, dim) => product * dim, 1);
        return [input.name, new Tensor('float32', new Float32Array(size), dims)];
      }),
    );
    const results = Object.entries(session.runSync(feeds));
    const pair = results.flatMap(([name, one], index) => {
      const other = results.slice(index + 1).find(([, tensor]) => tensor.type === one.type);
      return other === undefined ? [] : [[name, one, ...other] as const];
    })[0];
    if (pair === undefined) throw new Error('no two outputs of one type');
    const [name, one, otherName, other] = pair;
    const buffer = new ArrayBuffer(one.data.length * 8 + other.data.length * 8);
    const kind = one.data.constructor as new (b: ArrayBuffer, at: number, n: number) => never;
    const given = {
      [name]: new Tensor(one.type, new kind(buffer, 0, one.data.length), one.dims),
      [otherName]: new Tensor(other.type, new kind(buffer, 0, other.data.length), other.dims),
    };
    const refused = (operation: () => unknown): Promise<void> =>
      expectError(operation, 'ERR_INVALID_ARGUMENT', /^outputs\..* outputs\..* does$/);
    await refused(() => session.run(feeds, given));
    await refused(() => session.runSync(feeds, given));
    await refused(() => session.run(feeds, given, { tag: 'ordinary' }));
    await refused(() => session.runSync(feeds, given, { tag: 'ordinary' }));
    await refused(() => session.bind({ inputs: feeds, outputs: given }));
  });
});

describe.each(['mlp.onnx', 'mlp.tflite'])('a batched run of %s', (file) => {
  it('may not write to its input', async () => {
    await using session = await InferenceSession.create(fixture(file), {
      batching: { maxBatchSize: 4 },
    });
    const data = new Float32Array(32);
    const [input = ''] = session.inputNames;
    const [output = ''] = session.outputNames;
    const feeds = { [input]: new Tensor('float32', data.subarray(0, 16), [1, 16]) };
    const given = { [output]: new Tensor('float32', data.subarray(15, 19), [1, 4]) };
    for (const options of [{}, { tag: 'ordinary' }]) {
      await expectError(
        () => session.run(feeds, given, options),
        'ERR_INVALID_ARGUMENT',
        /^outputs\./,
      );
    }
    const apart = { [output]: new Tensor('float32', data.subarray(16, 20), [1, 4]) };
    expect((await session.run(feeds, apart))[output]).toBe(apart[output]);
  });
});
