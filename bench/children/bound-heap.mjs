// node --expose-gc bound-heap.mjs MODEL RUNS: prints what so many bound runs leave behind.
import { closeSync, openSync, readFileSync, readSync, writeSync } from 'node:fs';

import { InferenceSession, runtimeInfo } from 'onlite';

import { bindingFor } from '../harness/subject.mjs';

const [model, count] = process.argv.slice(2);
const counterFile = process.env.ONLITE_ALLOCATION_COUNTER;
const counter = counterFile ? openSync(counterFile, 'r+') : undefined;

/** Tells the preloaded counter where the addon's code is. */
function watchAddon() {
  const { addon } = runtimeInfo();
  const lines = readFileSync('/proc/self/maps', 'utf8')
    .split('\n')
    .filter((line) => line.endsWith(addon));
  const bounds = lines.flatMap((line) =>
    line
      .split(' ')[0]
      .split('-')
      .map((hex) => BigInt(`0x${hex}`)),
  );
  const range = new BigUint64Array([
    bounds.reduce((a, b) => (a < b ? a : b)),
    bounds.reduce((a, b) => (a > b ? a : b)),
  ]);
  writeSync(counter, range, 0, 16, 0);
}

function allocations() {
  if (counter === undefined) return 0;
  const value = new BigUint64Array(1);
  readSync(counter, value, 0, 8, 16);
  return Number(value[0]);
}

function settledHeap() {
  for (let round = 0; round < 4; round += 1) globalThis.gc();
  return process.memoryUsage().heapUsed;
}

if (counter !== undefined) watchAddon();
const session = await InferenceSession.create(model, { intraOpNumThreads: 1 });
const binding = bindingFor(session);
const allocationsOfCreation = allocations();
const loop = (runs) => {
  for (let index = 0; index < runs; index += 1) binding.runSync();
};
// The compiler's own objects are made while it warms up.
loop(20_000);
const heap = settledHeap();
const before = allocations();
loop(Number(count));
const after = allocations();
const grown = settledHeap() - heap;
console.log(
  JSON.stringify({ heapGrowth: grown, allocations: after - before, allocationsOfCreation }),
);
if (counter !== undefined) closeSync(counter);
await session.release();
