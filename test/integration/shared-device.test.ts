import { once } from 'node:events';
import { join } from 'node:path';
import { Worker } from 'node:worker_threads';

import { InferenceSession, type SessionHandle, type Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32 } from './onnx-encoder';
import { provider, whyNoDevice } from './device-support';
import { expectError, floats } from './support';

/* One session of a device in several threads, each with bindings of its own. */

const reason = await whyNoDevice();
const skipped = reason === undefined ? '' : ` (skipped: ${reason})`;

/** A device made of the processor takes long. */
const steps = process.env['ONLITE_TEST_PROVIDER'] === undefined ? 5 : 30;

/** next = state + x, y = next · next. */
const adder = encodeOnnx({
  inputs: ['x', 'state'].map((name) => ({ name, type: float32, dims: [2] })),
  outputs: ['y', 'next'].map((name) => ({ name, type: float32, dims: [2] })),
  nodes: [
    { op: 'Add', inputs: ['state', 'x'], outputs: ['next'] },
    { op: 'Mul', inputs: ['next', 'next'], outputs: ['y'] },
  ],
});

const feeds = (): Record<string, Tensor> => ({ x: floats(1, 2), state: floats(3, 4) });
const values = (tensor: unknown): number[] => Array.from((tensor as Tensor<'float32'>).data);

const start = (handle: SessionHandle, index: number): Worker =>
  new Worker(join(__dirname, 'shared-device-worker.mjs'), {
    workerData: { handle, index, steps },
  });

/** What the thread's runs gave that they should not have given. */
async function wrongRuns(worker: Worker): Promise<unknown> {
  const [wrong] = (await once(worker, 'message')) as [unknown];
  return wrong;
}

describe.skipIf(reason !== undefined)(`a session of ${provider} that is shared${skipped}`, () => {
  it('gives each of four threads its own results', async () => {
    const session = await InferenceSession.create(adder, {
      executionProviders: [provider],
      concurrency: 4,
    });
    const workers = [1, 2, 3, 4].map((index) => start(session.share(), index));
    const answers = Promise.all(workers.map(wrongRuns));
    using io = session.bind({ inputs: feeds(), outputs: { next: { location: 'device' } } });
    for (let step = 0; step < 20; step++) {
      const [{ next }] = await Promise.all([session.run(feeds()), io.run()]);
      expect(values(next)).toEqual([4, 6]);
      expect(values(io.outputs['y'])).toEqual([16, 36]);
    }
    expect(await answers).toEqual([[], [], [], []]);
    // In the middle of their runs.
    await Promise.all(workers.map((worker) => worker.terminate()));
    await io.run();
    expect(values(io.outputs['y'])).toEqual([16, 36]);
    await session.release();
  });

  it('lives as long as the last of its threads', async () => {
    const session = await InferenceSession.create(adder, { executionProviders: [provider] });
    const handle = session.share();
    const worker = start(handle, 5);
    await once(worker, 'online');
    const attached = InferenceSession.attach(handle);
    expect(attached.executionProviders).toEqual(session.executionProviders);
    await session.release();
    expect(await wrongRuns(worker)).toEqual([]);
    await worker.terminate();
    expect(values((await attached.run(feeds()))['next'])).toEqual([4, 6]);
    await attached.release();
    await expectError(() => InferenceSession.attach(handle), 'ERR_SESSION_RELEASED', /^handle: /);
  });

  it.runIf(provider === 'cuda')('has its one captured binding in whatever thread', async () => {
    const session = await InferenceSession.create(adder, {
      executionProviders: [{ name: provider, enable_cuda_graph: '1' }],
    });
    const script = `
      const { parentPort, workerData } = require('node:worker_threads');
      const { InferenceSession, Tensor } = require('onlite');
      void (async () => {
        const session = InferenceSession.attach(workerData);
        const io = session.bind();
        const results = [];
        for (let step = 0; step < 20; step++) {
          io.inputs.x.data.set([step, 1]);
          io.inputs.state.data.set([1, step]);
          await io.run();
          results.push([...io.outputs.next.data]);
        }
        parentPort.postMessage(results);
        for (;;) await io.run();
      })();
    `;
    const worker = new Worker(script, { eval: true, workerData: session.share() });
    const results = await wrongRuns(worker);
    expect(results).toEqual(Array.from({ length: 20 }, (_, step) => [step + 1, step + 1]));
    expect(values((await session.run(feeds()))['next'])).toEqual([4, 6]);
    await expectError(() => session.bind(), 'ERR_UNSUPPORTED', /one binding at a time/);
    // A thread that ends frees the session for another's binding.
    await worker.terminate();
    using io = session.bind({ inputs: feeds() });
    for (let step = 0; step < 5; step++) await io.run();
    expect(values(io.outputs['next'])).toEqual([4, 6]);
    await session.release();
  });
});
