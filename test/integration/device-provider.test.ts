import { Worker } from 'node:worker_threads';

import {
  InferenceSession,
  Tensor,
  TensorPool,
  type OnliteError,
  type SessionOptions,
} from 'onlite';
import { describe, expect, it } from 'vitest';

import { decodeTensor, fixturePath, readFixture, readIndex } from '../fixtures/load';
import { encodeOnnx, float32, type OnnxNode } from './onnx-encoder';
import { errorOf, fixture, floats } from './support';
import { declaredOf, makesOtherShapes, outcomeOf, ways, type Outcome, type Request } from './ways';
import { nearestTo, provider, whyNoDevice } from './device-support';

/*
 * A device reads a bound input when it is bound, and WebGPU's sessions must not run at a time. So
 * whatever way a run is made, a device has to give what the processor gives.
 */

const reason = await whyNoDevice();
const takesTurns = provider === 'webgpu';
const onDevice: SessionOptions = { executionProviders: [provider, 'cpu'] };

/** next = state + x, y = next · next. */
const adder = (dims: (number | string)[] = [2]): Uint8Array =>
  encodeOnnx({
    inputs: ['x', 'state'].map((name) => ({ name, type: float32, dims })),
    outputs: ['y', 'next'].map((name) => ({ name, type: float32, dims })),
    nodes: [
      { op: 'Add', inputs: ['state', 'x'], outputs: ['next'] },
      { op: 'Mul', inputs: ['next', 'next'], outputs: ['y'] },
    ],
  });

/** present = concat(past, x) along the first dim: a cache that grows; sum = present + 0. */
const cache = (): Uint8Array => {
  const nodes: OnnxNode[] = [
    { op: 'Concat', inputs: ['past', 'x'], outputs: ['present'], attributes: { axis: 0 } },
    { op: 'Mul', inputs: ['present', 'present'], outputs: ['squares'] },
  ];
  return encodeOnnx({
    inputs: [
      { name: 'x', type: float32, dims: [1, 2] },
      { name: 'past', type: float32, dims: ['t', 2] },
    ],
    outputs: [
      { name: 'present', type: float32, dims: ['t + 1', 2] },
      { name: 'squares', type: float32, dims: ['t + 1', 2] },
    ],
    nodes,
  });
};

const values = (tensor: unknown): number[] =>
  Array.from((tensor as Tensor<'float32'>).data, Number);

/** Outcomes of the processor, each of a session of its own. */
async function referencesOf(source: string, requests: readonly Request[]): Promise<Outcome[]> {
  const outcomes: Outcome[] = [];
  for (const { feeds } of requests) {
    await using session = await InferenceSession.create(source);
    outcomes.push(await outcomeOf(() => session.run(feeds)));
  }
  return outcomes;
}

/** The provider has no such operator, or not for a device without float16, or not for no elements. */
const refusal = /device does not support it|is not supported yet|reduce on dim with value of 0/;

async function isRefused(
  session: InferenceSession,
  requests: readonly Request[],
): Promise<boolean> {
  for (const { feeds } of requests) {
    const failure = await session.run(feeds).then(
      () => undefined,
      (error: unknown) => (error as OnliteError).cause as Error,
    );
    if (refusal.test(failure?.message ?? '')) return true;
  }
  return false;
}

async function compare(
  session: InferenceSession,
  requests: readonly Request[],
  references: readonly Outcome[],
): Promise<void> {
  for (const way of ways) {
    for (const [index, request] of [...requests, ...requests].entries()) {
      const wanted = references[index % requests.length]!;
      // What cannot be bound to memory of one shape is ways.test.ts's.
      if (way.isBound && typeof wanted === 'string') continue;
      if (way.isBound && makesOtherShapes(declaredOf(session, request), wanted)) continue;
      const got = nearestTo(wanted, await way.run(session, request, wanted));
      expect(got, `${way.name}, request ${index}`).toEqual(wanted);
    }
  }
}

const skipped = reason === undefined ? '' : ` (skipped: ${reason})`;

describe.skipIf(reason !== undefined)(`on ${provider}${skipped}`, () => {
  const models = readIndex().fixtures.filter(({ engine }) => engine === 'onnxruntime');

  it.each(models.map(({ cases }) => cases))(
    'every way gives what the CPU gives: %s',
    async (file) => {
      const { cases, model } = readFixture(file);
      const requests = cases.slice(0, 2).map(({ inputs }) => ({
        feeds: Object.fromEntries(inputs.map((input) => [input.name ?? '', decodeTensor(input)])),
        signature: undefined,
      }));
      const source = fixturePath(model);
      const references = await referencesOf(source, requests);
      await using session = await InferenceSession.create(source, onDevice);
      if (await isRefused(session, requests)) return;
      await compare(session, requests, references);
    },
  );

  const runs: [string, (io: ReturnType<InferenceSession['bind']>) => Promise<void> | void][] = [
    ['runSync', (io) => io.runSync()],
    ['run', (io) => io.run()],
    ['run with a signal', (io) => io.run({ signal: new AbortController().signal })],
  ];

  describe.each(runs)('a binding by %s', (_, run) => {
    it('reads what its inputs hold at each run, in memory of any kind', async () => {
      await using session = await InferenceSession.create(adder(), onDevice);
      using pool = new TensorPool();
      const shared = new Tensor('float32', new Float32Array(new SharedArrayBuffer(8)), [2]);
      for (const x of [floats(0, 0), pool.acquire('float32', [2]), shared]) {
        for (const outputs of [{}, { y: 'dynamic', next: floats(0, 0) } as const]) {
          using io = session.bind({ inputs: { x, state: floats(1, 2) }, outputs });
          for (let step = 0; step < 5; step++) {
            x.data.set([step, 10 * step]);
            await run(io);
            expect(values(io.outputs['next'])).toEqual([1 + step, 2 + 10 * step]);
            expect(values(io.outputs['y'])).toEqual([(1 + step) ** 2, (2 + 10 * step) ** 2]);
          }
          io.setInput('x', floats(5, 6));
          await run(io);
          expect(values(io.outputs['next'])).toEqual([6, 8]);
          io.setInput('x', x);
        }
      }
    });

    it('carries state, which it begins anew', async () => {
      await using session = await InferenceSession.create(adder(), onDevice);
      using io = session.bind({ carry: { next: 'state' } });
      for (let round = 0; round < 2; round++) {
        for (let step = 1; step <= 5; step++) {
          (io.inputs['x']!.data as Float32Array).set([step, -step]);
          await run(io);
          const sum = (step * (step + 1)) / 2;
          expect(values(io.outputs['next'])).toEqual([sum, -sum]);
        }
        io.resetCarry();
      }
    });

    it('carries a cache that grows', async () => {
      await using session = await InferenceSession.create(cache(), onDevice);
      using io = session.bind({
        inputs: { x: floats(0, 0).reshape([1, 2]), past: new Tensor('float32', [], [0, 2]) },
        carry: { present: 'past' },
      });
      const wanted: number[] = [];
      for (let step = 1; step <= 5; step++) {
        (io.inputs['x']!.data as Float32Array).set([step, -step]);
        wanted.push(step, -step);
        await run(io);
        if (step % 2 === 0) expect(values(io.outputs['present'])).toEqual(wanted);
        expect(values(io.outputs['squares'])).toEqual(wanted.map((value) => value ** 2));
      }
    });
  });

  it('batches what it gives one by one', async () => {
    const rows = (index: number): Tensor =>
      new Tensor(
        'float32',
        Float32Array.from({ length: 16 }, (_, at) => Math.sin(31 * index + at)),
        [1, 16],
      );
    const source = fixture('mlp.onnx');
    await using session = await InferenceSession.create(source, {
      ...onDevice,
      batching: { maxBatchSize: 8, maxDelayMs: 20 },
    });
    await using plain = await InferenceSession.create(source);
    const feeds = Array.from({ length: 32 }, (_, index) => ({ x: rows(index) }));
    const bound = feeds.map(({ x }) => session.bind({ inputs: { x }, dims: { N: 1, batch: 1 } }));
    const results = await Promise.all(feeds.map((feed) => session.run(feed)));
    await Promise.all(bound.map((io) => io.run()));
    for (const [index, result] of results.entries()) {
      const wanted = await outcomeOf(() => plain.run(feeds[index]!));
      expect(nearestTo(wanted, await outcomeOf(() => result))).toEqual(wanted);
      const { outputs } = bound[index]!;
      expect(nearestTo(wanted, await outcomeOf(() => outputs))).toEqual(wanted);
    }
    for (const io of bound) io.dispose();
    expect([...session.batchSizes.keys()].some((size) => size > 1)).toBe(true);
  });

  /** Runs and bindings of a session in flight; their number sums to one that is known. */
  async function keepBusy(session: InferenceSession, from: number): Promise<void> {
    const feeds = (step: number): Record<string, Tensor> => ({
      x: floats(from, step),
      state: floats(step, from),
    });
    using io = session.bind({ dims: { n: 2 } });
    for (let step = 0; step < 20; step++) {
      (io.inputs['x']!.data as Float32Array).set([from, step]);
      (io.inputs['state']!.data as Float32Array).set([step, from]);
      const [one, other] = await Promise.all([
        session.run(feeds(step)),
        session.run(feeds(step), { timeoutMs: 600_000 }),
        io.run(),
      ]);
      for (const tensor of [one['next'], other['next'], io.outputs['next']]) {
        expect(values(tensor)).toEqual([from + step, from + step]);
      }
    }
  }

  it('runs several sessions in flight, with loads and releases beside them', async () => {
    const models = [adder(), adder(['n']), adder([2]), adder(['n'])];
    await Promise.all(
      models.map(async (model, index) => {
        for (let round = 0; round < 3; round++) {
          const session = await InferenceSession.create(model, { ...onDevice, concurrency: 4 });
          expect(session.concurrency).toBe(takesTurns ? 1 : 4);
          const io = index % 2 === 0 ? session.bind() : undefined;
          await keepBusy(session, 100 * index + round);
          io?.dispose();
          await session.release();
        }
      }),
    );
  });

  it.runIf(takesTurns)(
    'makes no synchronous run beside one of another session, nor waits for it',
    async () => {
      await using session = await InferenceSession.create(adder(), onDevice);
      await using other = await InferenceSession.create(adder(), onDevice);
      const feeds = { x: floats(1, 2), state: floats(3, 4) };
      const outcomes = new Set<string>();
      const busy = Promise.all(Array.from({ length: 300 }, () => session.run(feeds)));
      const state = { isBusy: true };
      void busy.then(() => (state.isBusy = false));
      using io = other.bind({ inputs: feeds });
      while (state.isBusy) {
        for (const run of [() => other.runSync(feeds), () => io.runSync()]) {
          try {
            run();
            outcomes.add('done');
          } catch (error) {
            outcomes.add((error as { code: string }).code);
          }
        }
        await new Promise(setImmediate);
      }
      outcomes.delete('done');
      expect([...outcomes]).toEqual(['ERR_BUSY']);
      for (const result of await busy) expect(values(result['next'])).toEqual([4, 6]);
      io.runSync();
      expect(values(io.outputs['next'])).toEqual([4, 6]);
    },
  );

  it('a run that waits for another session is given up at once', async () => {
    await using session = await InferenceSession.create(adder(), onDevice);
    await using other = await InferenceSession.create(adder(), onDevice);
    const feeds = { x: floats(1, 2), state: floats(3, 4) };
    const busy = Promise.all(Array.from({ length: 50 }, () => session.run(feeds)));
    const controller = new AbortController();
    const given = other.run(feeds, { signal: controller.signal });
    controller.abort();
    expect((await errorOf(() => given)).code).toBe('ERR_CANCELLED');
    await busy;
    expect(values((await other.run(feeds))['next'])).toEqual([4, 6]);
  });

  it('works in worker threads side by side, which may end in the middle of runs', async () => {
    const script = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { InferenceSession, Tensor } = require('onlite');
      void (async () => {
        const session = await InferenceSession.create(workerData.model, { executionProviders: [workerData.provider] });
        const floats = (...values) => new Tensor('float32', values);
        let isRight = true;
        for (let step = 0; step < 40; step++) {
          const { next } = await session.run({ x: floats(step, 1), state: floats(1, workerData.index) });
          isRight &&= next.data[0] === step + 1 && next.data[1] === workerData.index + 1;
        }
        parentPort.postMessage(isRight);
        for (;;) await session.run({ x: floats(1, 1), state: floats(1, 1) });
      })();
    `;
    const workers = [0, 1, 2].map(
      (index) =>
        new Worker(script, { eval: true, workerData: { model: adder(), provider, index } }),
    );
    const answers = workers.map(
      (worker) =>
        new Promise((resolve, reject) => {
          worker.once('message', resolve);
          worker.once('error', reject);
        }),
    );
    expect(await Promise.all(answers)).toEqual([true, true, true]);
    await Promise.all(workers.map((worker) => worker.terminate()));
    await using session = await InferenceSession.create(adder(), onDevice);
    await keepBusy(session, 7);
  });
});
