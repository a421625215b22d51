// Acquires, disposes, forgets and trims at random. Each tensor is filled with a pattern of its
// own that must be there when it is looked at again: two tensors never have the same memory.
import { TensorPool } from 'onlite';

const { seed, rounds, maxBytes, shared } = JSON.parse(process.argv[2]);
const types = ['float32', 'int8', 'uint8', 'int64', 'uint16', 'bool', 'int4', 'complex128'];

let state = seed;
function random(limit) {
  state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
  return Math.floor((state / 2 ** 32) * limit);
}

const pool = new TensorPool({ maxBytes, shared });
const live = [];
const parts = [];
let exhausted = 0;
let acquired = 0;

function bytesOf({ buffer, byteOffset, byteLength }) {
  return new Uint8Array(buffer, byteOffset, byteLength);
}

function check(view, mark, what) {
  const bytes = Buffer.from(view.buffer, view.byteOffset, view.byteLength);
  if (!bytes.equals(Buffer.alloc(bytes.length, mark))) {
    throw new Error(`${what}: ${bytes.length} bytes are not all ${mark}`);
  }
}

function acquire() {
  const elements = 1 + random(2 ** random(20));
  try {
    const tensor = pool.acquire(types[random(types.length)], [elements]);
    const mark = (acquired += 1) % 251;
    if (tensor.data.byteOffset % 64 !== 0) throw new Error('not aligned');
    bytesOf(tensor.data).fill(mark);
    return { tensor, mark };
  } catch (error) {
    if (error.code !== 'ERR_POOL_EXHAUSTED') throw error;
    exhausted += 1;
    return undefined;
  }
}

function disposeOrForget() {
  const [{ tensor, mark }] = live.splice(random(live.length), 1);
  check(tensor.data, mark, 'disposed');
  const kind = random(40);
  if (kind === 0) parts.push({ view: tensor.data.subarray(0, 1), mark });
  else if (kind > 1) tensor.dispose();
}

function checkAll() {
  for (const { tensor, mark } of live) check(tensor.data, mark, 'live');
  for (const { view, mark } of parts) check(view, mark, 'part of a forgotten tensor');
}

function checkStats() {
  const { bytesInUse, bytesFree, highWaterBytes } = pool.stats;
  const isBounded = bytesInUse >= 0 && bytesFree >= 0 && bytesInUse + bytesFree <= pool.maxBytes;
  if (!isBounded || highWaterBytes < bytesInUse) throw new Error(JSON.stringify(pool.stats));
}

// Functions, not blocks: a suspended module keeps its blocks' variables.
function act(action) {
  if (action < 55) {
    const entry = acquire();
    if (entry) live.push(entry);
  } else if (action < 97) {
    if (live.length > 0) disposeOrForget();
  } else if (action < 98) {
    pool.trim();
  } else {
    checkAll();
  }
  checkStats();
}

function disposeAll() {
  parts.length = 0;
  for (const { tensor, mark } of live.splice(0)) {
    check(tensor.data, mark, 'last');
    tensor.dispose();
  }
}

for (let round = 0; round < rounds; round += 1) {
  const action = random(100);
  if (action < 99) {
    act(action);
  } else {
    globalThis.gc();
    await new Promise(setImmediate);
    if (parts.length > 50) parts.splice(0, 25);
  }
}
disposeAll();
for (let round = 0; round < 50 && pool.stats.bytesInUse > 0; round += 1) {
  globalThis.gc();
  await new Promise((resolve) => setTimeout(resolve, 2));
}
pool.trim();
console.log(JSON.stringify({ acquired, exhausted, ...pool.stats }));
