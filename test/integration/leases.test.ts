import { InferenceSession, type Tensor, TensorPool, type ValueMetadata } from 'onlite';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';

import { expectError, fixture, floats } from './support';

type Floats = Record<string, Tensor<'float32'>>;

/** Makes every attempt at once, before a run in flight can end, and expects ERR_BUSY of each. */
async function expectBusy(...attempts: [operation: () => unknown, path: RegExp][]): Promise<void> {
  const outcomes = attempts.map(async ([operation, path]) => {
    await expectError(operation, 'ERR_BUSY', path);
  });
  await Promise.all(outcomes);
}

describe.each(['add4.onnx', 'add4.tflite'])('pooled tensors of runs of %s', (file) => {
  let session: InferenceSession;
  let other: InferenceSession;
  let a: string;
  let b: string;
  let sum: string;
  beforeAll(async () => {
    session = await InferenceSession.create(fixture(file), { concurrency: 2, inline: 'never' });
    other = await InferenceSession.create(fixture(file), { concurrency: 2, inline: 'never' });
    [a, b] = session.inputNames as [string, string];
    [sum] = session.outputNames as [string];
  });
  afterAll(() => Promise.all([session.release(), other.release()]));

  const pool = new TensorPool();
  const pooled = (...values: number[]): Tensor<'float32'> => {
    const tensor = pool.acquire('float32', [values.length]);
    tensor.data.set(values);
    return tensor;
  };
  const feeds = (x: Tensor): Record<string, Tensor> => ({ [a]: x, [b]: floats(1, 1, 1, 1) });

  it('may be read by many at once', async () => {
    const x = pooled(1, 2, 3, 4);
    const io = [session, other].map((each) => each.bind<Floats, Floats>({ inputs: { [a]: x } }));
    for (const each of io) each.inputs[b]!.data.fill(1);
    const runs = io.map((each) => each.run());
    const result = session.run<Floats>(feeds(x), { tag: 'x' });
    expect(other.runSync<Floats>(feeds(x))[sum]?.data).toEqual(Float32Array.of(2, 3, 4, 5));
    await Promise.all(runs);
    expect((await result)[sum]?.data).toEqual(Float32Array.of(2, 3, 4, 5));
    for (const each of io) {
      expect([...each.outputs[sum]!.data]).toEqual([2, 3, 4, 5]);
      each.dispose();
    }
    x.dispose();
  });

  it('are written by one run of bindings at a time', async () => {
    const y = pooled(0, 0, 0, 0);
    using first = session.bind<Floats, Floats>({ outputs: { [sum]: y } });
    using second = other.bind<Floats, Floats>({ outputs: { [sum]: y } });
    using reader = other.bind<Floats, Floats>({ inputs: { [a]: y } });
    for (const io of [first, second]) for (const name of [a, b]) io.inputs[name]!.data.fill(3);
    reader.inputs[b]!.data.fill(1);
    for (let round = 0; round < 3; round++) {
      const running = first.run();
      const path = new RegExp(`^outputs\\.${sum}: a run in flight writes`);
      const input = new RegExp(`^inputs\\.${a}: a run in flight writes`);
      await expectBusy(
        [() => second.run(), path],
        [() => second.run({ timeoutMs: 1000 }), path],
        [() => second.runSync(), path],
        [() => reader.run(), input],
        [() => reader.runSync(), input],
      );
      await running;
      await second.run();
      second.runSync();
      await reader.run();
      expect([...reader.outputs[sum]!.data]).toEqual([7, 7, 7, 7]);
    }
    y.dispose();
  });

  it('are not written by bindings while they are read', async () => {
    const x = pooled(1, 1, 1, 1);
    using reader = session.bind<Floats, Floats>({ inputs: { [a]: x } });
    using writer = session.bind<Floats, Floats>({ outputs: { [sum]: x } });
    const running = reader.run();
    const path = new RegExp(`^outputs\\.${sum}: a run in flight reads`);
    await expectBusy(
      [() => writer.run(), path],
      [() => writer.runSync(), path],
      [() => session.runSync(feeds(floats(1, 1, 1, 1)), { [sum]: x }), path],
    );
    await running;
    await writer.run();
    x.dispose();
  });

  it('may be two inputs of the same run', async () => {
    const x = pooled(1, 1, 1, 1);
    using io = session.bind<Floats, Floats>({ inputs: { [a]: x, [b]: x } });
    await io.run();
    expect([...io.outputs[sum]!.data]).toEqual([2, 2, 2, 2]);
    const result = await session.run<Floats>({ [a]: x, [b]: x });
    expect([...result[sum]!.data]).toEqual([2, 2, 2, 2]);
    x.dispose();
  });

  it('are busy as fetches until the run has ended', async () => {
    const y = pooled(0, 0, 0, 0);
    const fetches = { [sum]: y };
    const x = floats(1, 2, 3, 4);
    const running = session.run<Floats>(feeds(x), fetches);
    const path = new RegExp(`^outputs\\.${sum}: a run in flight writes`);
    const input = new RegExp(`^inputs\\.${a}: a run in flight writes`);
    await expectBusy(
      [() => other.run(feeds(x), fetches), path],
      [() => other.runSync(feeds(x), fetches), path],
      [() => other.run(feeds(y)), input],
      [() => other.run(feeds(y), { tag: 'x' }), input],
      [() => other.runSync(feeds(y)), input],
    );
    expect((await running)[sum]).toBe(y);
    expect([...y.data]).toEqual([2, 3, 4, 5]);
    expect((await other.run<Floats>(feeds(y)))[sum]?.data).toEqual(Float32Array.of(3, 4, 5, 6));
    y.dispose();
  });

  it('keep their memory as fetches that are disposed in mid-run', async () => {
    const before = pool.stats.bytesInUse;
    for (let round = 0; round < 50; round++) {
      const y = pooled(0, 0, 0, 0);
      const view = y.data;
      const running = session.run<Floats>(feeds(floats(round, 0, 0, 0)), { [sum]: y });
      y.dispose();
      const next = pooled(-1, -1, -1, -1);
      await running;
      expect([...next.data]).toEqual([-1, -1, -1, -1]);
      expect(view[0]).toBe(round + 1);
      next.dispose();
    }
    expect(pool.stats.bytesInUse).toBe(before);
  });

  it('are free when a run was refused, or aborted and has ended', async () => {
    const y = pooled(0, 0, 0, 0);
    const x = floats(1, 1, 1, 1);
    await expectError(
      () => session.run({ [a]: x }, { [sum]: y }),
      'ERR_INVALID_ARGUMENT',
      /missing/,
    );
    const controller = new AbortController();
    const aborted = session.run(feeds(x), { [sum]: y }, { signal: controller.signal });
    controller.abort();
    await expectError(() => aborted, 'ERR_CANCELLED', /cancelled/);
    using io = session.bind<Floats, Floats>({ outputs: { [sum]: y } });
    const second = new AbortController();
    await session.run(feeds(x), { tag: 'x' });
    await new Promise(setImmediate);
    const bound = io.run({ signal: second.signal });
    second.abort();
    await expectError(() => bound, 'ERR_CANCELLED', /cancelled/);
    await session.run(feeds(x), { tag: 'x' });
    await new Promise(setImmediate);
    session.runSync(feeds(x), { [sum]: y });
    expect([...y.data]).toEqual([2, 2, 2, 2]);
    y.dispose();
  });
});

it('whole numbers are copied: an index must not change in mid-run', async () => {
  for (const file of ['identity_int64.onnx', 'identity_int64.tflite']) {
    const session = await InferenceSession.create(fixture(file));
    const dimsOf = ([metadata]: readonly ValueMetadata[]): number[] =>
      metadata?.isTensor === true
        ? metadata.shape.map((dim) => (typeof dim === 'number' && dim > 0 ? dim : 2))
        : [];
    const pool = new TensorPool();
    const x = pool.acquire('int64', dimsOf(session.inputMetadata));
    const y = pool.acquire('int64', dimsOf(session.outputMetadata));
    x.data.fill(5n);
    const [input] = session.inputNames as [string];
    const [output] = session.outputNames as [string];
    using io = session.bind({ inputs: { [input]: x }, outputs: { [output]: y } });
    for (const sync of [true, false, true]) {
      y.data.fill(0n);
      if (sync) io.runSync();
      else await io.run();
      expect([...y.data]).toEqual([...x.data]);
    }
    y.data.fill(0n);
    const options = { tag: 'x' };
    await session.run({ [input]: x }, { [output]: y }, options);
    expect([...y.data]).toEqual([...x.data]);
    const result = await session.run({ [input]: x }, { ...options, pool });
    expect([...(result[output]!.data as BigInt64Array)]).toEqual([...x.data]);
    await session.release();
  }
});
