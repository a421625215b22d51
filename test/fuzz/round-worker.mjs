// A round in a worker, which ends in the way and after the milliseconds that it is told, or by
// itself.
import { parentPort, workerData } from 'node:worker_threads';

import { playRound } from './round.mjs';

const { settings, end, delay } = workerData;

if (end === 'exit') setTimeout(() => process.exit(), delay);
if (end === 'throw') {
  setTimeout(() => {
    process.removeAllListeners('uncaughtException');
    throw new Error('on purpose');
  }, delay);
}

let step = 0;
const result = await playRound(settings, (world) => {
  step = world.step;
});
parentPort.postMessage({ ...result, step });
