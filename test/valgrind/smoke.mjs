// What scripts/test-valgrind.mjs runs under valgrind: each native path once, right and wrong
// calls, with public API only. Arguments: .onnx and .tflite models with plain numeric inputs
// (default: add4 of each kind).
import assert from 'node:assert/strict';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';

import { InferenceSession, OnliteError, Tensor, TensorPool } from 'onlite';

const fixture = (name) => fileURLToPath(new URL(`../fixtures/models/${name}`, import.meta.url));
const arrays = { float32: Float32Array, int8: Int8Array, uint8: Uint8Array, int32: Int32Array };

const dimsOf = ({ shape }) => shape.map((dim) => (typeof dim === 'number' && dim >= 0 ? dim : 1));

function tensorOf(metadata, dims = dimsOf(metadata)) {
  const count = dims.reduce((product, dim) => product * dim, 1);
  return new Tensor(metadata.type, new arrays[metadata.type](count), dims);
}

const feedsOf = (session) =>
  Object.fromEntries(session.inputMetadata.map((input) => [input.name, tensorOf(input)]));

/** The wrong call must fail as promised: with our class and a code, by throwing or rejecting. */
async function refused(call, what) {
  await assert.rejects(
    async () => await call(),
    (error) => error instanceof OnliteError && /^ERR_/.test(error.code),
    what,
  );
}

/** Branches on the sum of all bytes: memcheck reports output that nobody wrote. */
function checkReadable({ data }) {
  if (!ArrayBuffer.isView(data)) return;
  const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
  assert.ok(bytes.reduce((sum, byte) => sum + byte, 0) >= 0);
}

/** Bound runs: on memory of a pool, which is used in place, and on ordinary arrays. */
async function exerciseBound(session, feeds, other) {
  const pool = new TensorPool({ maxBytes: 1 << 20 });
  const [first] = session.inputMetadata;
  const pooled = pool.acquire(first.type, dimsOf(first));
  pooled.data.fill(1);
  const io = session.bind({ inputs: { ...feeds, [first.name]: pooled } });
  for (let round = 0; round < 3; round += 1) {
    io.runSync();
    await io.run();
    for (const output of Object.values(io.outputs)) checkReadable(output);
    io.setInput(first.name, round === 0 ? feeds[first.name] : pooled);
  }
  await refused(() => io.setInput(first.name, tensorOf({ ...first, type: other })), 'bound type');
  const inFlight = io.run();
  io.dispose();
  await inFlight;
  pooled.dispose();
  await refused(() => pooled.data, 'disposed tensor');
  pool.trim();
  pool.dispose();
}

async function exercise(path) {
  const session = await InferenceSession.create(path);
  const feeds = feedsOf(session);
  const [first] = session.inputMetadata;

  for (let round = 0; round < 3; round += 1) {
    const results = [session.runSync(feeds), await session.run(feeds)];
    for (const result of results) {
      assert.deepEqual(Object.keys(result), [...session.outputNames]);
      for (const output of Object.values(result)) checkReadable(output);
    }
  }
  await Promise.all(Array.from({ length: 4 }, () => session.run(feeds)));

  const other = first.type === 'float32' ? 'int32' : 'float32';
  const dims = dimsOf(first);
  const wrong = {
    'missing input': {},
    'unknown input': { ...feeds, 'no such input': feeds[first.name] },
    'wrong type': { ...feeds, [first.name]: tensorOf({ ...first, type: other }) },
    'wrong rank': { ...feeds, [first.name]: tensorOf(first, [...dims, 1, 1]) },
    'huge dims': { ...feeds, [first.name]: { ...feeds[first.name], dims: [2 ** 31, 2 ** 31] } },
    'negative dim': { ...feeds, [first.name]: { ...feeds[first.name], dims: [-1] } },
    'no tensor': { ...feeds, [first.name]: null },
  };
  for (const [what, given] of Object.entries(wrong)) {
    await refused(() => session.run(given), `${what}, run`);
    await refused(() => session.runSync(given), `${what}, runSync`);
  }
  await refused(() => session.run(feeds, ['no such output']), 'unknown output');

  await exerciseBound(session, feeds, other);

  const controller = new AbortController();
  controller.abort();
  await refused(() => session.run(feeds, { signal: controller.signal }), 'aborted before');

  await session.release();
  await session.release();
  await refused(() => session.run(feeds), 'released');
  console.log(path);
}

const given = process.argv.slice(2);
for (const path of given.length > 0 ? given : ['add4.onnx', 'add4.tflite'].map(fixture)) {
  await exercise(path);
}
await refused(() => InferenceSession.create(new Uint8Array(0)), 'empty model');
await refused(() => InferenceSession.create(new Uint8Array(64).fill(0xff)), 'no model');
await refused(() => InferenceSession.create('no-such-file.onnx'), 'no file');

// A session that lives when the process ends is left to it, on purpose. These are garbage: what
// is lost after this is a leak. A finaliser runs in a turn of its own.
for (let turn = 0; turn < 3; turn += 1) {
  globalThis.gc();
  await nextTurn();
}
