// Runs and loads that do not stop when they are told to, and what goes on beside them. The first
// argument is the case; the process ends as it says, long before they would.
import { strict as assert } from 'node:assert';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { Worker, isMainThread, parentPort, workerData } from 'node:worker_threads';

import { TensorPool, runtimeInfo } from 'onlite';

import { report } from './cases.mjs';
import { createSmall, isSum, rejection, sleep, smallFeeds, turn } from './models.mjs';
import { createStuck, loadStuck, stuckFeeds } from './stuck.mjs';

const timeoutMs = 100;

async function timeOut(promise) {
  assert.equal((await rejection(promise)).code, 'ERR_TIMEOUT');
}

/** Sessions load, run and are released, whatever else there is. */
async function assertAlive() {
  for (const engine of ['onnxruntime', 'tflite']) {
    const session = await createSmall(engine);
    assert.ok(isSum(await session.run(smallFeeds())));
    await session.release();
  }
}

async function startWorker(way) {
  const worker = new Worker(fileURLToPath(import.meta.url), { workerData: way });
  await once(worker, 'message');
  return worker;
}

const ways = {
  'exit during a load': async () => {
    void loadStuck();
    await sleep(100);
    process.exit(7);
  },
  'the end after a load that timed out': async () => {
    await timeOut(loadStuck({ timeoutMs }));
    await assertAlive();
  },
  'exit during a run': async () => {
    const session = await createStuck();
    void session.run(stuckFeeds());
    await sleep(100);
    process.exit(7);
  },
  'the end after a run that timed out': async () => {
    const session = await createStuck();
    await timeOut(session.run(stuckFeeds(), { timeoutMs }));
    await session.release();
    await assertAlive();
  },
  'as many lost runs as there are threads': async () => {
    const { executorThreads } = runtimeInfo();
    const sessions = await Promise.all(
      Array.from({ length: executorThreads }, () => createStuck()),
    );
    await Promise.all(sessions.map((session) => timeOut(session.run(stuckFeeds(), { timeoutMs }))));
    await assertAlive();
    // The last may not have been noticed yet.
    for (let look = 0; look < 100 && runtimeInfo().lostThreads < executorThreads; look++) {
      await sleep(50);
    }
    assert.equal(runtimeInfo().lostThreads, executorThreads);
    process.exit(7);
  },
  'as many loads as there are threads': async () => {
    const small = await createSmall('onnxruntime');
    const controller = new AbortController();
    const { signal } = controller;
    const loads = Array.from({ length: runtimeInfo().executorThreads }, () =>
      loadStuck({ signal }),
    );
    await sleep(100);
    // Beside them, on threads of their own.
    for (let round = 0; round < 20; round++) {
      assert.ok(isSum(await small.run(smallFeeds(round)), round));
    }
    controller.abort();
    for (const load of loads) assert.equal((await rejection(load)).code, 'ERR_CANCELLED');
    await assertAlive();
    assert.ok(runtimeInfo().lostThreads > 0);
    process.exit(7);
  },
  'the end of a worker whose run has memory of its own': async () => {
    const worker = await startWorker('run');
    await worker.terminate();
    await assertAlive();
  },
  'the end of a worker whose load goes on': async () => {
    const worker = await startWorker('load');
    await worker.terminate();
    await assertAlive();
  },
  'exit during a run over memory of a worker': async () => {
    const worker = await startWorker('run in place');
    // Its memory is not given up under the run: it ends when the run does.
    let ended = false;
    void worker.terminate().then(() => (ended = true));
    await sleep(4000);
    assert.equal(ended, false);
    await assertAlive();
    process.exit(7);
  },
};

const workerWays = {
  run: async () => {
    const session = await createStuck();
    void session.run(stuckFeeds());
  },
  load: () => {
    void loadStuck();
  },
  'run in place': async () => {
    const session = await createStuck();
    const pool = new TensorPool();
    const { x } = stuckFeeds();
    const pooled = pool.acquire('float32', x.dims);
    pooled.data.set(x.data);
    void session.run({ x: pooled });
  },
};

if (isMainThread) {
  await ways[process.argv[2]]();
  report({ done: true });
} else {
  await workerWays[workerData]();
  await sleep(100);
  parentPort.postMessage('ready');
  // Until it is terminated.
  for (;;) await turn();
}
