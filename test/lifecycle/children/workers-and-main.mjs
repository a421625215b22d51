// The process ends in the way and after the milliseconds given, while workers
// have runs in flight, and the main thread has too or has never loaded the addon.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { report } from './cases.mjs';

const [way, main, delay] = process.argv.slice(2);
const workers = ['onnxruntime', 'tflite'].map(
  (engine) =>
    new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData: { end: 'terminate', delay: 0, engines: [engine] },
    }),
);
await Promise.all(workers.map((worker) => once(worker, 'message')));
if (main === 'busy') {
  const { Traffic } = await import('./traffic.mjs');
  const traffic = new Traffic();
  await traffic.start(['onnxruntime', 'tflite']);
}
const ways = {
  exit: () => process.exit(7),
  uncaught: () => {
    throw new Error('on purpose');
  },
  // The test sends it.
  SIGTERM: () => {},
  // One ends the other, whose threads may be the last that use the addon.
  terminate: async () => {
    await workers[0].terminate();
    await workers[1].terminate();
    process.exitCode = 7;
    if (main === 'busy') process.exit();
  },
};
report({ ready: true });
setTimeout(() => ways[way](), Number(delay));
