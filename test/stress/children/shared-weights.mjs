// Has as many workers as the second argument says attach a session of the model that the first
// names, and reports the resident set before and after, in MiB.
import { once } from 'node:events';
import { isMainThread, parentPort, Worker } from 'node:worker_threads';

import { InferenceSession, Tensor } from 'onlite';

import { report } from '../../lifecycle/children/cases.mjs';

const run = async (session) => {
  const [{ name, shape }] = session.inputMetadata;
  const feeds = { [name]: new Tensor('float32', new Float32Array(shape[1]), shape) };
  for (let count = 0; count < 3; count++) {
    session.runSync(feeds);
    await session.run(feeds);
  }
};

if (isMainThread) {
  const [model, count] = process.argv.slice(2);
  const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
  await run(session);
  const workers = Array.from({ length: Number(count) }, () => new Worker(new URL(import.meta.url)));
  await Promise.all(workers.map((worker) => once(worker, 'message')));
  const before = process.memoryUsage.rss();
  const attached = workers.map((worker) => once(worker, 'message'));
  for (const worker of workers) worker.postMessage(session.share());
  await Promise.all(attached);
  report({ growthMiB: (process.memoryUsage.rss() - before) / 2 ** 20 });
  await Promise.all(workers.map((worker) => worker.terminate()));
  await session.release();
} else {
  parentPort.once('message', async (handle) => {
    await run(InferenceSession.attach(handle));
    parentPort.postMessage('attached');
    // Until it is terminated.
    setInterval(() => {}, 60_000);
  });
  parentPort.postMessage('ready');
}
