// Starts workers, a few at a time, and ends each in another way while its runs
// are in flight. The addon is loaded in workers only, until the very end.
import { strict as assert } from 'node:assert';
import { Worker } from 'node:worker_threads';

import { report } from './cases.mjs';

const count = Number(process.argv[2]);
const atOnce = 3;
const ends = [
  'terminate',
  'terminate while creating',
  'terminate at once',
  'exit',
  'terminate',
  'throw',
  'return',
  'release and exit',
];

/** Others end with 1. */
const expectedCodes = {
  exit: [3],
  'release and exit': [3],
  return: [0],
  // One that has not begun yet ends with 0.
  'terminate at once': [0, 1],
};

const endings = {};
let next = 0;

async function endOne(index) {
  const end = ends[index % ends.length];
  const delay = (index * 7) % 20;
  // Runs started and settled, which outlive the worker.
  const counts = new Int32Array(new SharedArrayBuffer(8));
  const worker = new Worker(new URL('./worker.mjs', import.meta.url), {
    workerData: { end, delay, counts },
  });
  let error;
  worker.on('error', (thrown) => (error = thrown.message));
  const exited = new Promise((resolve) => worker.once('exit', resolve));
  if (end === 'terminate at once') {
    setTimeout(() => worker.terminate(), delay * 4);
  } else {
    worker.once('message', () => {
      if (end.startsWith('terminate')) setTimeout(() => worker.terminate(), delay);
    });
  }
  const code = await exited;
  const expected = expectedCodes[end] ?? [1];
  assert.ok(expected.includes(code), `${end}: exit code ${code}, ${error}`);
  assert.equal(error, end === 'throw' ? 'on purpose' : undefined, end);
  if (end !== 'terminate at once') assert.ok(counts[0] > 0, 'runs were in flight');
  if (end === 'return') assert.equal(counts[1], counts[0], 'every promise was settled');
  endings[end] = (endings[end] ?? 0) + 1;
}

async function lane() {
  while (next < count) await endOne(next++);
}
await Promise.all(Array.from({ length: atOnce }, lane));

// Every worker is gone; the addon, its threads and both runtimes are still good.
const { createSmall, isSum, smallFeeds } = await import('./models.mjs');
for (const engine of ['onnxruntime', 'tflite']) {
  const session = await createSmall(engine);
  assert.ok(isSum(await session.run(smallFeeds(5)), 5));
  await session.release();
}
report({ endings });
