// A worker that attaches a session which another thread has shared, and does what it is told.
import { parentPort, workerData } from 'node:worker_threads';

import { InferenceSession, TensorPool } from 'onlite';

import { isSum, longFeeds, rowFeeds, runLong, smallFeeds } from './models.mjs';

let session;
const controller = new AbortController();

const tasks = {
  attach({ handle }) {
    session = InferenceSession.attach(handle);
    return { name: session.name, inputs: session.inputMetadata };
  },
  /** Every way of running the small model, so many times. */
  async check({ times }) {
    const pool = new TensorPool();
    const [a, b] = [1, 2].map(() => pool.acquire('float32', [4]));
    const io = session.bind({ inputs: { a, b } });
    let right = 0;
    for (let number = 1; number <= times; number++) {
      const feeds = smallFeeds(number);
      const results = await Promise.all([session.run(feeds), session.run(feeds)]);
      a.data.set(feeds.a.data);
      b.data.set(feeds.b.data);
      await io.run();
      results.push({ sum: io.outputs.sum });
      right += results.filter((result) => isSum(result, number)).length;
    }
    io.dispose();
    return { right };
  },
  /** Runs of the long model that go on until the worker ends; bound ones are in this thread's memory. */
  keep({ ms }) {
    const repeat = async (run) => {
      for (;;) await run();
    };
    const pool = new TensorPool();
    const inputs = Object.fromEntries(
      Object.entries(longFeeds(session.engine, ms)).map(([name, { type, dims, data }]) => {
        const tensor = pool.acquire(type, dims);
        tensor.data.set(data);
        return [name, tensor];
      }),
    );
    const outputs = Object.fromEntries(session.outputNames.map((name) => [name, 'dynamic']));
    const io = session.bind({ inputs, outputs });
    repeat(() => io.run());
    for (let lane = 0; lane < 3; lane++) repeat(() => runLong(session, ms));
  },
  /** Runs, one of which is always under way, until `cancel`. */
  async runUntilCancelled() {
    const { signal } = controller;
    while (!signal.aborted) await runLong(session, 200, { signal }).catch(() => undefined);
  },
  /** Runs of a row each. */
  async rows({ count }) {
    await Promise.all(Array.from({ length: count }, () => session.run(rowFeeds(1))));
  },
  cancel() {
    controller.abort();
  },
  async release() {
    await session.release();
  },
  exit() {
    process.exit(0);
  },
};

parentPort.on('message', async ({ id, task, ...data }) => {
  try {
    parentPort.postMessage({ id, ...(await tasks[task](data)) });
  } catch (error) {
    parentPort.postMessage({ id, code: error.code, error: String(error?.stack) });
  }
});
if (workerData?.handle !== undefined) tasks.attach(workerData);
parentPort.postMessage({ id: 0 });
