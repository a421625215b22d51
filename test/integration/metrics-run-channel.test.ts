import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';

import { InferenceSession, type SessionOptions, Tensor } from 'onlite';
import type { RunMessage } from 'onlite/metrics';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';

import { addFeeds, longFeeds, longModel } from './metrics-support';
import { errorOf, expectError, fixture } from './support';

const channel = 'onlite:run';
let messages: RunMessage[] = [];
const listen = (message: unknown): void => {
  messages.push(message as RunMessage);
};
const take = (): RunMessage[] => messages.splice(0);

beforeEach(() => {
  messages = [];
  subscribe(channel, listen);
});
afterEach(() => {
  unsubscribe(channel, listen);
});

const asynchronous = ['queue', 'bind', 'invoke', 'fetch', 'total'];
const synchronous = ['invoke', 'total'];

/** The values of all samples of a histogram, to 1 %. */
const lowestOf = (session: InferenceSession, phase: 'invoke' | 'total'): [number, number] => {
  const [bucket] = session.latency[phase].buckets();
  return [bucket!.lowest, bucket!.highest];
};

describe.each(['add4.onnx', 'add4.tflite'])('%s', (file) => {
  const create = (options?: SessionOptions): Promise<InferenceSession> =>
    InferenceSession.create(fixture(file), options);

  it('publishes each kind of run, once, with its phases', async () => {
    await using session = await create({ name: 'adder' });
    const binding = session.bind();
    const kinds: [boolean, () => unknown][] = [
      [false, () => session.run(addFeeds())],
      [false, () => session.run(addFeeds(), session.outputNames)],
      [false, () => binding.run()],
      [false, () => binding.run({ timeoutMs: 60_000 })],
      [true, () => session.runSync(addFeeds())],
      [true, () => session.runSync(addFeeds(), session.outputNames)],
      [true, () => binding.runSync()],
    ];
    for (const [sync, run] of kinds) {
      session.latency.reset();
      const before = Date.now();
      await run();
      const [message, ...others] = take();
      expect(others).toEqual([]);
      expect(message).toMatchObject({
        model: 'adder',
        engine: session.engine,
        sync,
        outcome: 'success',
      });
      expect(message).not.toHaveProperty('batchSize');
      const { phases, startTime } = message!;
      expect(Object.keys(phases)).toEqual(sync ? synchronous : asynchronous);
      expect(startTime).toBeGreaterThan(before - 2);
      expect(startTime).toBeLessThan(Date.now() + 2);
      // What the histograms have of the same run.
      for (const phase of ['invoke', 'total'] as const) {
        const [lowest, highest] = lowestOf(session, phase);
        expect(phases[phase]).toBeGreaterThanOrEqual(lowest);
        expect(phases[phase]).toBeLessThanOrEqual(highest);
      }
      const { queue = 0, bind = 0, invoke = 0, fetch = 0, total = 0 } = phases;
      expect(queue + bind + invoke + fetch).toBeLessThanOrEqual(total);
    }
  });

  it('keeps the records of runs in flight apart', async () => {
    await using session = await create();
    const totals: number[] = [];
    await Promise.all(Array.from({ length: 50 }, () => session.run(addFeeds())));
    for (const { phases } of take()) totals.push(phases.total!);
    expect(totals).toHaveLength(50);
    const { max, count } = session.latency.total.snapshot();
    expect([count, Math.max(...totals)]).toEqual([50, max]);
  });

  it('has no times without latency, and no warm-up runs', async () => {
    await using session = await create({ latency: false, warmUp: true });
    await session.warmUp(2);
    expect(take()).toEqual([]);
    await session.run(addFeeds());
    session.runSync(addFeeds());
    session.bind().runSync();
    expect(take().map(({ outcome, phases }) => ({ outcome, phases }))).toEqual([
      { outcome: 'success', phases: {} },
      { outcome: 'success', phases: {} },
      { outcome: 'success', phases: {} },
    ]);
  });

  it('publishes where the run was asked for', async () => {
    const storage = new AsyncLocalStorage<string>();
    const seen: unknown[] = [];
    const look = (): void => {
      seen.push(storage.getStore());
    };
    subscribe(channel, look);
    try {
      await using session = await create();
      const binding = session.bind();
      await Promise.all([
        // First: with others in flight there may be no interpreter for it.
        storage.run('sync', async () => session.runSync(addFeeds())),
        storage.run('feeds', () => session.run(addFeeds())),
        storage.run('binding', () => binding.run()),
        session.run(addFeeds()),
      ]);
    } finally {
      unsubscribe(channel, look);
    }
    expect(seen.sort()).toEqual(['binding', 'feeds', 'sync', undefined]);
  });

  it('stands subscribers that throw, run, and leave', async () => {
    await using session = await create();
    const uncaught: unknown[] = [];
    const listeners = process.listeners('uncaughtException');
    process.removeAllListeners('uncaughtException');
    process.on('uncaughtException', (error) => uncaught.push(error));
    let depth = 0;
    const misbehave = (): void => {
      if (depth++ < 3) session.runSync(addFeeds());
      unsubscribe(channel, misbehave);
      throw new Error('of the subscriber');
    };
    subscribe(channel, misbehave);
    try {
      await session.run(addFeeds());
      await new Promise((resolve) => setImmediate(resolve));
    } finally {
      process.removeAllListeners('uncaughtException');
      for (const listener of listeners) process.on('uncaughtException', listener);
    }
    expect(uncaught.length).toBeGreaterThan(0);
    unsubscribe(channel, listen);
    await session.run(addFeeds());
    subscribe(channel, listen);
    take();
    await session.run(addFeeds());
    expect(take()).toHaveLength(1);
  });
});

it('publishes failures, but not what was refused before it was a run', async () => {
  await using session = await InferenceSession.create(longModel, { maxQueue: 0 });
  const cancel = new AbortController();
  const run = session.run(longFeeds(), { signal: cancel.signal });
  const rejected = await errorOf(() => session.run(longFeeds()));
  cancel.abort();
  const error = await errorOf(() => run);
  expect(take()).toMatchObject([
    { outcome: 'rejected', code: 'ERR_QUEUE_FULL', phases: {}, error: rejected },
    { outcome: 'error', code: 'ERR_CANCELLED', phases: { total: expect.any(Number) }, error },
  ]);
  const wrong = { ...longFeeds(), wrong: addFeeds()['a']! };
  await expectError(() => session.run(wrong), 'ERR_INVALID_ARGUMENT', /./);
  expect(() => session.runSync(wrong)).toThrow();
  expect(take()).toEqual([]);
  await session.release();
  await expectError(() => session.run(longFeeds()), 'ERR_SESSION_RELEASED', /./);
  expect(take()).toEqual([]);
});

it.each(['add4.onnx', 'add4.tflite'])('%s: what fails later is published', async (file) => {
  await using session = await InferenceSession.create(fixture(file));
  const code = 'ERR_INVALID_ARGUMENT';
  for (const run of [() => session.run({}), () => session.runSync({})]) {
    await expectError(run, code, /missing/);
  }
  const { errors } = session.latency.counters;
  expect(errors).toEqual({ [code]: 2 });
  const phases = { total: expect.any(Number) };
  expect(take()).toMatchObject([
    { outcome: 'error', sync: false, code, phases },
    { outcome: 'error', sync: true, code, phases },
  ]);
});

it.each(['mlp.onnx', 'mlp.tflite'])("%s has the batch's size", async (file) => {
  const batching = { maxBatchSize: 4, maxDelayMs: 60_000 };
  await using session = await InferenceSession.create(fixture(file), { batching });
  const [name] = session.inputNames;
  const rows = (count: number): Record<string, Tensor> => ({
    [name!]: new Tensor('float32', new Float32Array(16 * count), [count, 16]),
  });
  await Promise.all([session.run(rows(1)), session.run(rows(3), session.outputNames)]);
  expect(take().map(({ batchSize }) => batchSize)).toEqual([4, 4]);
  await session.run(rows(4));
  expect(take().map(({ batchSize }) => batchSize)).toEqual([4]);
});

describe('a subscriber', () => {
  let called: ((message: RunMessage) => void) | undefined;
  const subscriber = (message: unknown): void => called?.(message as RunMessage);
  beforeEach(() => {
    subscribe(channel, subscriber);
  });
  afterEach(() => {
    unsubscribe(channel, subscriber);
    called = undefined;
  });

  it('may abort the run that it hears of, and start another in its place', async () => {
    await using session = await InferenceSession.create(longModel, { concurrency: 1 });
    const first = session.run(longFeeds());
    const cancel = new AbortController();
    let second: Promise<object> | undefined;
    called = ({ code }) => {
      if (code === undefined) return;
      cancel.abort();
      second ??= session.run(longFeeds());
    };
    // It waits for the first, and so is gone as soon as it is cancelled.
    const waiting = session.run(longFeeds(), { signal: cancel.signal, timeoutMs: 1 });
    await expectError(() => waiting, 'ERR_TIMEOUT', /1 ms/);
    expect(Object.keys(await second!)).toEqual(session.outputNames);
    await first;
    const outcomes = take().map(({ outcome, code }) => code ?? outcome);
    expect(outcomes.sort()).toEqual(['ERR_TIMEOUT', 'success', 'success']);
  });

  it.each(['add4.onnx', 'add4.tflite'])('cannot rebind a run of %s in flight', async (file) => {
    await using session = await InferenceSession.create(fixture(file), { concurrency: 1 });
    using binding = session.bind();
    const [name] = session.inputNames;
    const codes: unknown[] = [];
    called = () => {
      try {
        binding.setInput(name!, addFeeds()[name!]!);
        codes.push('bound');
      } catch (error) {
        codes.push((error as { code?: unknown }).code);
      }
    };
    const runs = [session.run(addFeeds()), binding.run()];
    // Both have ended when JavaScript hears of the first.
    const until = Date.now() + 20;
    while (Date.now() < until);
    await Promise.all(runs);
    expect(codes).toEqual(['ERR_BUSY', 'ERR_BUSY']);
  });
});
