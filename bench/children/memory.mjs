// node --expose-gc memory.mjs WARM-MODEL MODEL: prints the private memory that a session of MODEL
// takes, and what it takes more once it has run twice at a time. The session of WARM-MODEL loads
// the library and everything that is paid once.
import { readFileSync } from 'node:fs';
import { getHeapStatistics } from 'node:v8';

import { InferenceSession } from 'onlite';

import { bestLanes } from '../harness/subject.mjs';

const [warmModel, model] = process.argv.slice(2);

const create = (path) => InferenceSession.create(path, { intraOpNumThreads: 1, concurrency: 2 });

/**
 * Memory that was written, without JavaScript's heap, which comes and goes by megabytes, and
 * without what the C library keeps of freed memory: a session's first run gives that back. (Clean
 * private pages are the libraries', and private only while no other process has them mapped.)
 */
async function privateBytes() {
  for (let round = 0; round < 2; round += 1) {
    const other = await create(warmModel);
    await oneByOne(bestLanes(other, 1));
    await other.release();
    for (let collection = 0; collection < 4; collection += 1) globalThis.gc();
  }
  const heap = getHeapStatistics().total_physical_size;
  const text = readFileSync('/proc/self/smaps_rollup', 'utf8');
  return Number(/^Private_Dirty:\s+(\d+) kB/m.exec(text)[1]) * 1024 - heap;
}

const rounds = 20;
async function oneByOne(lanes) {
  for (let round = 0; round < rounds; round += 1) for (const run of lanes) await run();
}
async function atOnce(lanes) {
  for (let round = 0; round < rounds; round += 1) await Promise.all(lanes.map((run) => run()));
}

const warm = await create(warmModel);
const warmLanes = bestLanes(warm, 2);
await oneByOne(warmLanes);
await atOnce(warmLanes);
await privateBytes();
const before = await privateBytes();
const session = await create(model);
// The tensors, which are not the session's, are counted with the first interpreter.
const lanes = bestLanes(session, 2);
await oneByOne(lanes);
const one = await privateBytes();
await atOnce(lanes);
const two = await privateBytes();
console.log(JSON.stringify({ bytes: one - before, further: two - one }));
await session.release();
await warm.release();
