import { InferenceSession, Tensor, TensorPool, type Fetches, type RunOptions } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { encodeOnnx, float32, int64 } from './onnx-encoder';
import { expectError, fixture, floats } from './support';

type Results = Record<string, Tensor<'float32'>>;
type Runner = (
  session: InferenceSession,
  feeds: Record<string, Tensor>,
  ...rest: [Fetches | RunOptions | undefined, RunOptions?]
) => Promise<Results>;

const runners: [string, Runner][] = [
  ['run', (session, feeds, ...rest) => session.run<Results>(feeds, ...(rest as [Fetches]))],
  [
    'runSync',
    async (session, feeds, ...rest) => session.runSync<Results>(feeds, ...(rest as [Fetches])),
  ],
];

/** With an option for the runtime a small model takes the ordinary way too. */
const ways: [string, RunOptions][] = [
  ['kept memory', {}],
  ['the ordinary way', { logSeverityLevel: 4 }],
];

const sums = Float32Array.of(11, 22, 33, 44);

describe.each(['add4.onnx', 'add4.tflite'])('the outputs of %s', (file) => {
  let session: InferenceSession;
  let a: string;
  let b: string;
  let sum: string;
  beforeAll(async () => {
    session = await InferenceSession.create(fixture(file), { concurrency: 2 });
    [a, b] = session.inputNames as [string, string];
    [sum] = session.outputNames as [string];
  });
  afterAll(() => session.release());
  const feeds = (): Record<string, Tensor> => ({
    [a]: floats(1, 2, 3, 4),
    [b]: floats(10, 20, 30, 40),
  });

  describe.each(runners)('of %s', (_name, run) => {
    describe.each(ways)('by %s', (_, way) => {
      it('are arrays of their own and exactly of their size', async () => {
        const before = await run(session, feeds(), way);
        for (const result of [before, await run(session, feeds(), way)]) {
          expect(result[sum]?.data).toEqual(sums);
          expect(result[sum]?.data.buffer).toBeInstanceOf(ArrayBuffer);
          expect(result[sum]?.data.buffer.byteLength).toBe(16);
        }
        before[sum]?.data.fill(0);
        expect((await run(session, feeds(), way))[sum]?.data).toEqual(sums);
      });

      it('come from a pool and go back to it', async () => {
        const pool = new TensorPool();
        for (const rest of [[], [[sum]], [{ [sum]: null }]] as Fetches[][]) {
          const options = { ...way, pool };
          const result = await run(
            session,
            feeds(),
            ...([...rest, options] as unknown as [Fetches]),
          );
          const tensor = result[sum]!;
          expect(tensor.data).toEqual(sums);
          expect(tensor.dims).toEqual([4]);
          expect(pool.stats.bytesInUse).toBe(64);
          tensor.dispose();
          expect(pool.stats.bytesInUse).toBe(0);
        }
        expect(pool.stats.misses).toBe(1);
      });

      it('are refused by a full pool, and nothing leaks', async () => {
        const pool = new TensorPool({ maxBytes: 64 });
        const kept = pool.acquire('float32', [4]);
        for (let round = 0; round < 3; round++) {
          const options = { ...way, pool };
          await expectError(() => run(session, feeds(), options), 'ERR_POOL_EXHAUSTED', /16 bytes/);
          expect(pool.stats.bytesInUse).toBe(64);
        }
        kept.dispose();
        const result = await run(session, feeds(), { ...way, pool });
        expect(result[sum]?.data).toEqual(sums);
      });

      it('are written to given tensors', async () => {
        const pool = new TensorPool();
        const shared = new TensorPool({ shared: true });
        const given = [
          floats(0, 0, 0, 0),
          pool.acquire('float32', [4]),
          shared.acquire('float32', [4]),
          new Tensor('float32', new Float32Array(new ArrayBuffer(32), 4, 4)),
          new Tensor('float32', new Float32Array(new SharedArrayBuffer(16))),
        ];
        for (const tensor of given) {
          const { data } = tensor;
          for (let round = 0; round < 3; round++) {
            data.fill(0);
            const result = await run(session, feeds(), { [sum]: tensor }, way);
            expect(result[sum]).toBe(tensor);
            expect(tensor.data).toBe(data);
            expect([...data]).toEqual([...sums]);
          }
        }
        const plain = { type: 'float32', dims: [4], data: new Float32Array(4) };
        const result: Record<string, unknown> = await run(session, feeds(), { [sum]: plain }, way);
        expect(result[sum]).toBe(plain);
        expect(plain.data).toEqual(sums);
      });

      it('may be what an earlier run was fed', async () => {
        const pool = new TensorPool();
        for (const tensor of [floats(0, 0, 0, 0), pool.acquire('float32', [4])]) {
          tensor.data.set([1, 2, 3, 4]);
          const fed = { [a]: tensor, [b]: floats(10, 20, 30, 40) };
          const result = await run(session, fed, {}, way);
          await run(session, feeds(), { [sum]: tensor }, way);
          expect([...tensor.data]).toEqual([...sums]);
          expect([...result[sum]!.data]).toEqual([...sums]);
        }
      });

      it.each<[string, () => unknown, string]>([
        ['another type', () => new Tensor('int32', [0, 0, 0, 0]), 'ERR_TYPE_MISMATCH'],
        ['another shape', () => new Tensor('float32', [0, 0, 0, 0], [2, 2]), 'ERR_SHAPE_MISMATCH'],
        ['too few elements', () => floats(0), 'ERR_SHAPE_MISMATCH'],
        [
          'data of another class',
          () => ({ type: 'float32', dims: [4], data: new Float64Array(4) }),
          'ERR_TYPE_MISMATCH',
        ],
      ])('are not written to a tensor of %s', async (_, make, code) => {
        await expectError(
          () => run(session, feeds(), { [sum]: make() as Tensor }, way),
          code,
          new RegExp(`^outputs\\.${sum}`),
        );
        expect((await run(session, feeds(), way))[sum]?.data).toEqual(sums);
      });

      it('are not written to a disposed or detached tensor', async () => {
        const disposed = new TensorPool().acquire('float32', [4]);
        disposed.dispose();
        await expectError(
          () => run(session, feeds(), { [sum]: disposed }, way),
          'ERR_TENSOR_DISPOSED',
          /disposed/,
        );
        const detached = floats(0, 0, 0, 0);
        structuredClone(detached.data, { transfer: [detached.data.buffer as ArrayBuffer] });
        await expectError(
          () => run(session, feeds(), { [sum]: detached }, way),
          'ERR_BUFFER_DETACHED',
          /detached/,
        );
      });
    });

    it.each<[string, () => unknown]>([
      ['an object', () => ({})],
      ['null', () => null],
      ['an object made of the prototype', () => Object.create(TensorPool.prototype) as object],
      ['its class', () => TensorPool],
    ])(`refuses %s as a pool`, async (_, make) => {
      const options = { pool: make() as TensorPool };
      await expectError(
        () => run(session, feeds(), options),
        'ERR_INVALID_ARGUMENT',
        /^options\.p/,
      );
    });

    it(`takes no method of the pool's for granted`, async () => {
      const pool = new TensorPool();
      pool.acquire = () => floats(0) as never;
      const result = await run(session, feeds(), { pool });
      expect(result[sum]?.data).toEqual(sums);
      expect(pool.stats.bytesInUse).toBe(64);
    });
  });

  it.each(ways)('of a cancelled run by %s go back to the pool', async (_, way) => {
    const pool = new TensorPool();
    for (let round = 0; round < 20; round++) {
      const controller = new AbortController();
      const runs = Array.from({ length: 8 }, () =>
        session.run(feeds(), { ...way, pool, signal: controller.signal }),
      );
      controller.abort();
      for (const running of runs) {
        await expectError(() => running, 'ERR_CANCELLED', /cancelled/);
      }
    }
    await session.run(feeds(), { logSeverityLevel: 4 });
    await new Promise(setImmediate);
    await new Promise(setImmediate);
    expect(pool.stats.bytesInUse).toBe(0);
  });

  it.each(ways)('wait by %s for an array that goes away', async (_, way) => {
    const given = floats(0, 0, 0, 0);
    const running = session.run(feeds(), { [sum]: given }, way);
    structuredClone(given.data, { transfer: [given.data.buffer as ArrayBuffer] });
    await expectError(() => running, 'ERR_BUFFER_DETACHED', /detached/);
    const disposed = floats(0, 0, 0, 0);
    const second = session.run(feeds(), { [sum]: disposed }, way);
    disposed.dispose();
    await expectError(() => second, 'ERR_TENSOR_DISPOSED', /disposed/);
  });

  it.each(ways)('leave the fetches of an aborted run by %s untouched', async (_, way) => {
    const given = floats(7, 7, 7, 7);
    const controller = new AbortController();
    const running = session.run(feeds(), { [sum]: given }, { ...way, signal: controller.signal });
    controller.abort();
    await expectError(() => running, 'ERR_CANCELLED', /cancelled/);
    await session.run(feeds(), { logSeverityLevel: 4 });
    await new Promise(setImmediate);
    expect([...given.data]).toEqual([7, 7, 7, 7]);
  });
});

describe.each(['mlp.onnx', 'mlp.tflite'])('outputs of dynamic %s', (file) => {
  it.each(runners)('of %s come from a pool and into given tensors', async (_, run) => {
    const session = await InferenceSession.create(fixture(file));
    const [output] = session.outputNames as [string];
    const pool = new TensorPool();
    for (const rows of [1, 3, 2]) {
      const x = new Tensor('float32', new Float32Array(rows * 16).fill(0.5), [rows, 16]);
      const expected = (await run(session, { x }, undefined))[output]!;
      expect(expected.dims).toEqual([rows, 4]);
      const pooled = (await run(session, { x }, { pool }))[output]!;
      expect(pooled.dims).toEqual([rows, 4]);
      expect([...pooled.data]).toEqual([...expected.data]);
      expect(pool.stats.bytesInUse).toBe(64);
      pooled.data.fill(0);
      await run(session, { x }, { [output]: pooled });
      expect([...pooled.data]).toEqual([...expected.data]);
      pooled.dispose();
      const wrong = new Tensor('float32', new Float32Array(40), [10, 4]);
      await expectError(
        () => run(session, { x }, { [output]: wrong }),
        'ERR_SHAPE_MISMATCH',
        new RegExp(`^outputs\\.${output}\\.dims`),
      );
    }
    await session.release();
  });
});

describe('a model that makes another shape than it declares', () => {
  const value = (name: string, dim: number | string, type = float32) => ({
    name,
    type,
    dims: [dim],
  });
  const bytes = encodeOnnx({
    inputs: [value('x', 'n')],
    outputs: [value('y', 4)],
    nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
  });

  it.each(runners)('has its results delivered by %s', async (_, run) => {
    for (const lengths of [
      [3, 4, 3],
      [4, 4, 3, 4, 5],
    ]) {
      const session = await InferenceSession.create(bytes, { logSeverityLevel: 4 });
      const pool = new TensorPool();
      for (const length of lengths) {
        for (const options of [{ tag: 'x' }, { tag: 'x', pool }]) {
          const x = new Tensor('float32', new Float32Array(length).fill(2));
          const y = (await run(session, { x }, options))['y']!;
          expect(y.dims).toEqual([length]);
          expect([...y.data]).toEqual(Array<number>(length).fill(-2));
          if ('pool' in options) y.dispose();
          expect(pool.stats.bytesInUse).toBe(0);
        }
      }
      await session.release();
    }
  });

  it.each(runners)('gives an input back by %s', async (_, run) => {
    const session = await InferenceSession.create(
      encodeOnnx({
        inputs: [value('x', 'n'), value('i', 3, int64)],
        outputs: [value('x', 'n'), value('i', 3, int64)],
        nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['unused'] }],
      }),
    );
    const pool = new TensorPool();
    const x = pool.acquire('float32', [3]);
    x.data.set([1, 2, 3]);
    const i = new Tensor('int64', [4n, 5n, 6n] as never);
    const target = floats(0, 0, 0);
    const result = await run(session, { x, i }, { x: target, i: null }, { pool });
    x.data.fill(0);
    expect(result['x']).toBe(target);
    expect([...target.data]).toEqual([1, 2, 3]);
    expect([...(result['i']!.data as unknown as BigInt64Array)]).toEqual([4n, 5n, 6n]);
    await session.release();
  });
});

it('large outputs are arrays of their own, on both runs', async () => {
  const length = 100_000;
  const dims = [length];
  const session = await InferenceSession.create(
    encodeOnnx({
      inputs: [{ name: 'x', type: float32, dims }],
      outputs: [{ name: 'y', type: float32, dims }],
      nodes: [{ op: 'Neg', inputs: ['x'], outputs: ['y'] }],
    }),
  );
  const results: Tensor<'float32'>[] = [];
  for (let round = 1; round <= 3; round++) {
    const feeds = { x: new Tensor('float32', new Float32Array(length).fill(round)) };
    results.push(session.runSync<Results>(feeds)['y']!);
    results.push((await session.run<Results>(feeds))['y']!);
  }
  for (const [index, { data }] of results.entries()) {
    expect(data.buffer.byteLength).toBe(4 * length);
    expect(data.every((element) => element === -1 - (index >> 1))).toBe(true);
  }
  await session.release();
});
