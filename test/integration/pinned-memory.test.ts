import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';

import { InferenceSession, TensorPool, type Tensor } from 'onlite';
import { describe, expect, it } from 'vitest';

import { encodeOnnx, float32 } from './onnx-encoder';
import { provider, whyNoDevice } from './device-support';
import { errorOf } from './support';

/* Page-locked memory, which must be ordinary memory to whoever looks at it. */

const reason = provider === 'webgpu' ? 'it is for CUDA' : await whyNoDevice();

/** y = x + x */
const doubler = encodeOnnx({
  inputs: [{ name: 'x', type: float32, dims: ['n'] }],
  outputs: [{ name: 'y', type: float32, dims: ['n'] }],
  nodes: [{ op: 'Add', inputs: ['x', 'x'], outputs: ['y'] }],
});

function fill(tensor: Tensor<'float32'>, from: number): void {
  for (let at = 0; at < tensor.data.length; at++) tensor.data[at] = from + at;
}

/** The first element that is not twice what `fill` has left; -1 if there is none. */
const wrongAt = (tensor: Tensor, from: number): number =>
  (tensor.data as Float32Array).findIndex((value, at) => value !== Math.fround(2 * (from + at)));

it.skipIf(existsSync('/dev/nvidiactl'))('is refused where there is no GPU for it', async () => {
  const error = await errorOf(() => new TensorPool({ pinned: true }));
  expect(error).toMatchObject({ code: 'ERR_UNSUPPORTED', cause: expect.any(Error) as Error });
  expect(error.message).toMatch(/page-locked memory needs NVIDIA's driver/);
});

const skipped = reason === undefined ? '' : ` (skipped: ${reason})`;

describe.skipIf(reason !== undefined)(`page-locked memory for ${provider}${skipped}`, () => {
  const create = (): Promise<InferenceSession> =>
    InferenceSession.create(doubler, { executionProviders: [provider] });

  it.each([false, true])(
    'is read and written by every way of running (shared: %s)',
    async (shared) => {
      await using session = await create();
      using pool = new TensorPool({ pinned: true, shared });
      expect(pool.pinned).toBe(true);
      for (const n of [1, 1000, 300_000, 5_000_000]) {
        using x = pool.acquire('float32', [n]);
        using io = session.bind({ inputs: { x }, dims: { n }, pool });
        for (let step = 0; step < 4; step++) {
          fill(x, step);
          expect(wrongAt((await session.run({ x }, { pool }))['y'] as Tensor, step)).toBe(-1);
          fill(x, step + 1);
          expect(wrongAt(session.runSync({ x })['y'] as Tensor, step + 1)).toBe(-1);
          fill(x, step + 2);
          await io.run();
          expect(wrongAt(io.outputs['y']!, step + 2)).toBe(-1);
          fill(x, step + 3);
          io.runSync();
          expect(wrongAt(io.outputs['y']!, step + 3)).toBe(-1);
        }
      }
    },
  );

  it('goes back, by hand and when it is forgotten, and is had again', async () => {
    await using session = await create();
    const use = (pool: TensorPool, round: number): void => {
      const x = pool.acquire('float32', [500_000]);
      fill(x, round);
      using io = session.bind({ inputs: { x }, dims: { n: 500_000 }, pool });
      io.runSync();
      expect(wrongAt(io.outputs['y']!, round)).toBe(-1);
      if (round % 2 === 0) x.dispose();
    };
    for (let round = 0; round < 12; round++) {
      const pool = new TensorPool({ pinned: true });
      use(pool, round);
      if (round % 3 === 0) expect(pool.trim()).toBeGreaterThan(0);
      use(pool, round + 1);
      if (round % 4 > 0) pool.dispose();
      globalThis.gc?.();
      await setImmediate();
    }
  });

  it('is unlocked when a worker ends that has some', async () => {
    const script = `
      const { workerData, parentPort } = require('node:worker_threads');
      const { InferenceSession, TensorPool } = require('onlite');
      void (async () => {
        const pool = new TensorPool({ pinned: true });
        const session = await InferenceSession.create(workerData.model, { executionProviders: [workerData.provider] });
        const io = session.bind({ dims: { n: 100000 }, pool });
        io.inputs.x.data.fill(21);
        await io.run();
        parentPort.postMessage(io.outputs.y.data.every((value) => value === 42));
        for (;;) await io.run();
      })();
    `;
    for (let round = 0; round < 3; round++) {
      const worker = new Worker(script, { eval: true, workerData: { model: doubler, provider } });
      expect(await once(worker, 'message')).toEqual([true]);
      await worker.terminate();
    }
  });
});
