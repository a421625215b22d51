// The process ends by process.exit while workers and the main thread have runs in flight.
import { once } from 'node:events';
import { Worker } from 'node:worker_threads';

import { createLong, runLong, sleep } from './models.mjs';

const workers = Array.from(
  { length: 3 },
  () =>
    new Worker(new URL('./worker.mjs', import.meta.url), {
      workerData: { end: 'terminate', delay: 0 },
    }),
);
await Promise.all(workers.map((worker) => once(worker, 'message')));
for (const engine of ['onnxruntime', 'tflite']) {
  const session = await createLong(engine, { concurrency: 2 });
  for (let run = 0; run < 4; run++) runLong(session, 50);
}
await sleep(Number(process.argv[2]));
process.exit(7);
