// Workers and the main thread share the executor, each with sessions of its own.
import { strict as assert } from 'node:assert';
import { fileURLToPath } from 'node:url';
import { isMainThread, Worker } from 'node:worker_threads';

import { runCases } from './cases.mjs';
import { createSmall, isSum, smallFeeds } from './models.mjs';

async function checkResults(engine) {
  const session = await createSmall(engine, { concurrency: 2 });
  await Promise.all(
    Array.from({ length: 500 }, async (_, number) => {
      assert.ok(isSum(await session.run(smallFeeds(number)), number), `run ${number}`);
    }),
  );
  await session.release();
}

const inWorker = (engine) =>
  new Promise((resolve, reject) => {
    const worker = new Worker(fileURLToPath(import.meta.url), { argv: [engine] });
    worker.once('error', reject);
    worker.once('exit', (code) => (code === 0 ? resolve() : reject(new Error(`exit ${code}`))));
  });

if (isMainThread) {
  await runCases({
    'results are right in every thread': (engine) =>
      Promise.all([inWorker(engine), inWorker(engine), checkResults(engine)]),
  });
} else {
  await checkResults(process.argv[2]);
}
