// A worker with runs of both runtimes in flight, for as long as it lives. Ends
// by itself in the way it is told, unless it is told to wait for its end.
import { parentPort, workerData } from 'node:worker_threads';

import { InferenceSession } from 'onlite';

import { smallModel } from './models.mjs';
import { Traffic } from './traffic.mjs';

const { end, delay, counts, engines = ['onnxruntime', 'tflite'] } = workerData;
const traffic = new Traffic(counts);

if (end === 'terminate while creating') {
  const creating = traffic.keep(() =>
    Promise.all(engines.map((engine) => InferenceSession.create(smallModel(engine)))),
  );
  parentPort.postMessage('busy');
  await creating;
}
// So many lanes that completions arrive in batches.
await traffic.start(engines, { longMs: 3, lanes: 10 });
parentPort.postMessage('busy');
if (end === 'exit') setTimeout(() => process.exit(3), delay);
if (end === 'throw') {
  setTimeout(() => {
    throw new Error('on purpose');
  }, delay);
}
if (end === 'return') setTimeout(() => traffic.end(), delay);
if (end === 'release and exit') {
  setTimeout(() => {
    for (const session of traffic.sessions) session.release();
    process.exit(3);
  }, delay);
}
