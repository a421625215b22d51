import { InferenceSession, Tensor, TensorPool } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeOnnx, float32, int64 } from './onnx-encoder';
import { expectError, floats } from './support';

/** The item of a sequence, its length, and the sequence with the item once more at its end. */
const model = encodeOnnx({
  inputs: [
    { name: 'items', type: float32, dims: [], sequence: true },
    { name: 'place', type: int64, dims: [] },
  ],
  outputs: [
    { name: 'item', type: float32, dims: [] },
    { name: 'length', type: int64, dims: [] },
    { name: 'longer', type: float32, dims: [], sequence: true },
  ],
  nodes: [
    { op: 'SequenceAt', inputs: ['items', 'place'], outputs: ['item'] },
    { op: 'SequenceLength', inputs: ['items'], outputs: ['length'] },
    { op: 'SequenceInsert', inputs: ['items', 'item'], outputs: ['longer'] },
  ],
});

interface Outputs {
  item: Tensor;
  length: Tensor;
  longer: Tensor[];
}
type Run = (session: InferenceSession, feeds: object) => Promise<Outputs>;

const pool = new TensorPool();
const place = new Tensor('int64', BigInt64Array.of(1n), []);

/** Every way of running that takes feeds. */
const ways: [string, Run][] = [
  ['run', (session, feeds) => session.run<Outputs>(feeds as never)],
  ['runSync', async (session, feeds) => session.runSync<Outputs>(feeds as never)],
  ['run with names', (s, feeds) => s.run<Outputs>(feeds as never, ['item', 'length', 'longer'])],
  ['run with options', (session, feeds) => session.run<Outputs>(feeds as never, { tag: 'a' })],
  ['run with a pool', (session, feeds) => session.run<Outputs>(feeds as never, { pool })],
  [
    'run with a signal',
    (session, feeds) =>
      session.run<Outputs>(feeds as never, { signal: new AbortController().signal }),
  ],
];

let session: InferenceSession;
beforeAll(async () => {
  session = await InferenceSession.create(model);
});
afterAll(() => session.release());

describe.each(ways)('a sequence as a feed of %s', (_, run) => {
  it('is an array of tensors of any shapes', async () => {
    const pooled = pool.acquire('float32', [3]);
    pooled.data.set([4, 5, 6]);
    const matrix = new Tensor('float32', Float32Array.of(7, 8, 9, 10, 11, 12), [2, 3]);
    const items = [floats(1, 2), pooled, matrix, floats()];
    for (const [index, expected] of items.entries()) {
      const at = new Tensor('int64', BigInt64Array.of(BigInt(index)), []);
      const { item, length, longer } = await run(session, { items, place: at });
      expect(item.dims).toEqual(expected.dims);
      expect(item.data).toEqual(expected.data);
      expect(length.data).toEqual(BigInt64Array.of(4n));
      expect(longer.map(({ data }) => data)).toEqual([...items, expected].map(({ data }) => data));
      expect(longer.map(({ dims }) => dims)).toEqual([...items, expected].map(({ dims }) => dims));
    }
    pooled.dispose();
  });

  it.each<[unknown, string, RegExp]>([
    [floats(1), 'ERR_INVALID_ARGUMENT', /^inputs\.items: expected an array of tensors/],
    [new Map(), 'ERR_INVALID_ARGUMENT', /^inputs\.items: expected an array of tensors/],
    [[floats(1), 3], 'ERR_INVALID_ARGUMENT', /^inputs\.items\[1\]: expected a tensor/],
    [
      [floats(1), { type: 'float32', data: new Float32Array(2), dims: [-1] }],
      'ERR_INVALID_ARGUMENT',
      /^inputs\.items\[1\]\.dims/,
    ],
    [
      [new Tensor('int32', Int32Array.of(1), [1])],
      'ERR_TYPE_MISMATCH',
      /^inputs\.items\[0\]\.type/,
    ],
    [[[floats(1)]], 'ERR_INVALID_ARGUMENT', /^inputs\.items\[0\]/],
    [[], 'ERR_UNSUPPORTED', /^inputs\.items: .*no tensors/],
  ])('refuses %j', async (items, code, message) => {
    await expectError(() => run(session, { items, place }), code, message);
  });

  it('is missed when it is not there', async () => {
    await expectError(() => run(session, { place }), 'ERR_INVALID_ARGUMENT', /inputs\.items/);
  });
});

it('the feeds of a run may be reused when the call has returned', async () => {
  const item = floats(1, 2, 3);
  const result = session.run<Outputs>({ items: [floats(0), item], place });
  item.data.fill(9);
  expect((await result).item.data).toEqual(Float32Array.of(1, 2, 3));
});

it('cannot be bound', async () => {
  await expectError(() => session.bind(), 'ERR_UNSUPPORTED', /^inputs\.items: a sequence/);
});

it('is no tensor’s feed', async () => {
  const feeds = { items: [floats(1)], place: [place] };
  await expectError(() => session.run(feeds), 'ERR_INVALID_ARGUMENT', /^inputs\.place/);
});

describe('an empty item that would end the process in an operator', () => {
  const ones = (...dims: number[]): Tensor =>
    new Tensor('float32', new Float32Array(dims.reduce((a, b) => a * b, 1)).fill(1), dims);
  const weights = (name: string, dims: number[]) => ({ name, dims, data: ones(...dims).data });
  const recurrent = (op: string, inputs: string[], attributes = {}): Uint8Array =>
    encodeOnnx({
      inputs: [
        { name: 'items', type: float32, dims: ['steps', 'batch', 2], sequence: true },
        { name: 'place', type: int64, dims: [] },
      ],
      outputs: [{ name: 'y', type: float32, dims: ['a', 'b', 'c', 'd'] }],
      nodes: [
        { op, inputs, outputs: ['x'], attributes },
        { op: 'GRU', inputs: ['x', 'w', 'r'], outputs: ['y'], attributes: { hidden_size: 5 } },
      ],
      initializers: [weights('w', [1, 15, 2]), weights('r', [1, 15, 5])] as never,
    });

  it('is refused where it may be the one that is taken out', async () => {
    const taking = await InferenceSession.create(recurrent('SequenceAt', ['items', 'place']));
    const at = new Tensor('int64', BigInt64Array.of(0n), []);
    expect((await taking.run({ items: [ones(4, 3, 2)], place: at }))['y']!.dims[0]).toBe(4);
    for (const empty of [ones(4, 0, 2), ones(0, 3, 2)]) {
      for (const items of [[empty], [ones(4, 3, 2), empty]]) {
        const name = `inputs.items[${items.length - 1}].dims: expected no 0`;
        const refused = { code: 'ERR_UNSUPPORTED', message: expect.stringContaining(name) };
        await expect(taking.run({ items, place: at })).rejects.toMatchObject(refused);
        expect(() => taking.runSync({ items, place: at })).toThrow(name);
      }
    }
    await taking.release();
  });

  it('is not where the others fill it up', async () => {
    const joining = await InferenceSession.create(
      recurrent('ConcatFromSequence', ['items'], { axis: 0 }),
    );
    const at = new Tensor('int64', BigInt64Array.of(0n), []);
    const items = [ones(0, 3, 2), ones(4, 3, 2)];
    expect((await joining.run({ items, place: at }))['y']!.dims[0]).toBe(4);
    await expect(joining.run({ items: [ones(0, 3, 2)], place: at })).rejects.toThrow('GRU');
    await joining.release();
  });
});
