// node --expose-gc memory.mjs WARM-MODEL MODEL CONCURRENCY IN-FLIGHT: prints the private memory that
// a session of MODEL took. The session of WARM-MODEL loads the library and everything that is
// paid once.
import { readFileSync } from 'node:fs';

import { InferenceSession } from 'onlite';

import { feedLanes } from '../harness/subject.mjs';

const [warmModel, model, concurrency, inFlight] = process.argv.slice(2);

function privateBytes() {
  for (let round = 0; round < 4; round += 1) globalThis.gc();
  const text = readFileSync('/proc/self/smaps_rollup', 'utf8');
  const kibibytes = [...text.matchAll(/^Private_(?:Clean|Dirty):\s+(\d+) kB/gm)];
  return kibibytes.reduce((sum, [, value]) => sum + Number(value) * 1024, 0);
}

async function runAll(session) {
  const lanes = feedLanes(session, Number(inFlight));
  for (let round = 0; round < 20; round += 1) await Promise.all(lanes.map((run) => run()));
}

const create = (path) =>
  InferenceSession.create(path, { intraOpNumThreads: 1, concurrency: Number(concurrency) });

const warm = await create(warmModel);
await runAll(warm);
const before = privateBytes();
const session = await create(model);
await runAll(session);
const bytes = privateBytes() - before;
console.log(JSON.stringify({ bytes }));
await session.release();
await warm.release();
