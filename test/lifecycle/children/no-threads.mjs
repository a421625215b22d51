// Threads that the system refuses, all but the first so many (test/lifecycle/faults.ts).
import { strict as assert } from 'node:assert';
import { openSync, writeSync } from 'node:fs';

import { report } from './cases.mjs';
import { createBatched, createSmall, isSum, rowFeeds, smallFeeds } from './models.mjs';

const [engine, left] = process.argv.slice(2);
const control = openSync(process.env.ONLITE_FAULTS, 'r+');
const threads = 2n;

function setFaults(mode) {
  writeSync(control, Buffer.from(BigInt64Array.of(mode, BigInt(left), 0n).buffer), 0, 24, 0);
}

async function work() {
  const session = await createSmall(engine);
  assert.ok(isSum(await session.run(smallFeeds())));
  const batched = await createBatched(engine);
  await Promise.all(Array.from({ length: 5 }, () => batched.run(rowFeeds())));
  await session.release();
  await batched.release();
}

setFaults(threads);
let error = null;
try {
  await work();
} catch (thrown) {
  assert.equal(thrown.code, 'ERR_OUT_OF_MEMORY', thrown.stack);
  error = thrown.code;
}
// And again, which must not hang either.
await work().catch((thrown) => assert.equal(thrown.code, 'ERR_OUT_OF_MEMORY', thrown.stack));
setFaults(0n);
await work();
report({ error });
