// A worker with runs of both runtimes in flight, for as long as it lives. Ends
// by itself in the way it is told, unless it is told to wait for its end.
import { parentPort, workerData } from 'node:worker_threads';

import { InferenceSession } from 'onlite';

import { createLong, createSmall, runLong, sleep, smallFeeds, smallModel } from './models.mjs';

const { end, delay } = workerData;
let ending = false;

async function keepBusy(start) {
  while (!ending) await start();
}

if (end === 'terminate while creating') {
  parentPort.postMessage('busy');
  await keepBusy(() =>
    Promise.all(
      ['onnxruntime', 'tflite'].map((engine) => InferenceSession.create(smallModel(engine))),
    ),
  );
}
for (const engine of ['onnxruntime', 'tflite']) {
  const long = await createLong(engine, { concurrency: 2 });
  const small = await createSmall(engine, { concurrency: 2 });
  for (let lane = 0; lane < 3; lane++) keepBusy(() => runLong(long, 3));
  // So many that completions arrive in batches.
  for (let lane = 0; lane < 32; lane++) keepBusy(() => small.run(smallFeeds()));
  keepBusy(() =>
    small
      .run({ ...smallFeeds(), b: { type: 'float32', dims: [1], data: new Float32Array(1) } })
      .catch(() => sleep(0)),
  );
}
parentPort.postMessage('busy');
if (end === 'exit') setTimeout(() => process.exit(3), delay);
if (end === 'throw') {
  setTimeout(() => {
    throw new Error('on purpose');
  }, delay);
}
if (end === 'return') setTimeout(() => (ending = true), delay);
