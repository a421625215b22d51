// What scripts/test-valgrind.mjs runs under valgrind: each native path once, right and wrong
// calls, with public API only. Arguments: one .onnx and one .tflite model (default: the first
// of test/fixtures/models/ with plain numeric inputs).
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

import { InferenceSession, OnliteError, Tensor } from 'onlite';

const fixtures = fileURLToPath(new URL('../fixtures/models/', import.meta.url));
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

const isPlain = ({ isTensor, type }) => isTensor && Object.hasOwn(arrays, type);

/** A session of the first suitable model. */
async function firstSession(extension) {
  const given = process.argv.slice(2).filter((path) => path.endsWith(extension));
  const found = readdirSync(fixtures, { recursive: true })
    .filter((name) => name.endsWith(extension))
    .sort()
    .map((name) => join(fixtures, name));
  for (const path of given.length > 0 ? given : found) {
    const session = await InferenceSession.create(path);
    if (session.inputMetadata.length > 0 && session.inputMetadata.every(isPlain)) {
      return { path, session };
    }
    await session.release();
  }
  throw new Error(`no ${extension} model with plain inputs in test/fixtures/models`);
}

async function exercise(extension) {
  const { path, session } = await firstSession(extension);
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

  const controller = new AbortController();
  controller.abort();
  await refused(() => session.run(feeds, { signal: controller.signal }), 'aborted before');

  await session.release();
  await session.release();
  await refused(() => session.run(feeds), 'released');
  console.log(`${extension}: ${path}`);
}

await exercise('.onnx');
await exercise('.tflite');
await refused(() => InferenceSession.create(new Uint8Array(0)), 'empty model');
await refused(() => InferenceSession.create(new Uint8Array(64).fill(0xff)), 'no model');
await refused(() => InferenceSession.create('no-such-file.onnx'), 'no file');
