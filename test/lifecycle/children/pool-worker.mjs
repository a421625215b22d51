// Runs the small model on what the main thread sends: views of shared memory,
// copies and transferred buffers.
import { parentPort, workerData } from 'node:worker_threads';

import { Tensor, TensorPool } from 'onlite';

import { createSmall } from './models.mjs';

const session = await createSmall(workerData.engine, { concurrency: 2 });
const tensor = (data) =>
  new Tensor('float32', data instanceof ArrayBuffer ? new Float32Array(data) : data);

const tasks = {
  /** Into the sender's memory, if it sends an output. */
  async run({ a, b, sum }) {
    const feeds = { a: tensor(a), b: tensor(b) };
    if (sum === undefined) return { sum: (await session.run(feeds)).sum.data };
    await session.run(feeds, { sum: tensor(sum) });
    return {};
  },
  async bound({ a, b, sum, times }) {
    const io = session.bind({
      inputs: { a: tensor(a), b: tensor(b) },
      outputs: { sum: tensor(sum) },
    });
    for (let run = 0; run < times; run++) await io.run();
    io.dispose();
    return {};
  },
  /** What a Tensor becomes when it is cloned: not one. */
  async clone({ a, b }) {
    const { code } = await session.run({ a, b }).catch((error) => error);
    return { code };
  },
  /** Memory of a pool of this thread's. */
  pooled({ numbers }) {
    const pool = new TensorPool({ shared: true });
    const views = numbers.map((number) => pool.acquire('float32', [4]).data.fill(number));
    return { views };
  },
};

parentPort.on('message', async ({ id, task, ...data }) => {
  try {
    parentPort.postMessage({ id, ...(await tasks[task](data)) });
  } catch (error) {
    parentPort.postMessage({ id, error: String(error?.stack) });
  }
});
parentPort.postMessage({ id: 0 });
