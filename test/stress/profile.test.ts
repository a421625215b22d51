import { rmSync } from 'node:fs';
import { mkdtemp, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';

import { InferenceSession, Tensor, type SessionOptions } from 'onlite';
import { afterAll, beforeAll, expect, it } from 'vitest';

import { encodeOnnx, float32 } from '../integration/onnx-encoder';

/** Twelve products of an n × n matrix. */
const products = 12;
const dims = ['rows', 'columns'];
const matrices = encodeOnnx({
  inputs: [{ name: 'x', type: float32, dims }],
  // Dynamic: a run into memory of its output is made once more when it fails.
  outputs: [{ name: 'y', type: float32, dims }],
  nodes: Array.from({ length: products }, (_, index) => ({
    op: 'MatMul',
    inputs: [index === 0 ? 'x' : `t${index}`, 'x'],
    outputs: [index === products - 1 ? 'y' : `t${index + 1}`],
  })),
});

/** The identity: so is its every power. */
function identity(size: number): { x: Tensor<'float32'> } {
  const matrix = new Float32Array(size * size);
  for (let at = 0; at < matrix.length; at += size + 1) matrix[at] = 1;
  return { x: new Tensor('float32', matrix, [size, size]) };
}

const bytesOf = (tensor: Tensor | undefined): Buffer => {
  const { buffer, byteOffset, byteLength } = tensor?.data as Float32Array;
  return Buffer.from(buffer, byteOffset, byteLength);
};

/** Long runs, of many parts that threads share, and short ones. */
const long = identity(256);
const short = identity(32);

let folder: string;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'onlite-profiles-'));
});
afterAll(() => {
  rmSync(folder, { recursive: true });
});

/** Runs of the session one after the other, several at a time, until it is told to end. */
function runBeside(session: InferenceSession, inFlight: number): { end(): Promise<number> } {
  let ending = false;
  const loops = Array.from({ length: inFlight }, async () => {
    let runs = 0;
    do {
      const { y } = await session.run(long);
      // Quicker than toEqual.
      expect(bytesOf(y).equals(bytesOf(long.x))).toBe(true);
      runs++;
    } while (!ending);
    return runs;
  });
  return {
    async end() {
      ending = true;
      const counts = await Promise.all(loops);
      return counts.reduce((sum, count) => sum + count, 0);
    },
  };
}

it.each<[string, SessionOptions]>([
  ['a pool of its own', { intraOpNumThreads: 2, concurrency: 3 }],
  ['the pool of all sessions', { concurrency: 3 }],
])('a profile harms no run of a session on %s', async (_, options) => {
  await using session = await InferenceSession.create(matrices, options);
  const beside = runBeside(session, 3);
  // Each of its runs switches the profiler of a pool on and off.
  const runs = 200;
  const profile = await session.profile(short, { runs });
  session.runSync(short);
  expect(await beside.end()).toBeGreaterThan(0);
  expect(profile.operators.map(({ count }) => count)).toEqual(Array(products).fill(runs));
});

it('a session that profiles itself harms no run, its own neither', async () => {
  const own = { enableProfiling: true, profileFilePrefix: join(folder, 'own'), concurrency: 3 };
  await using profiled = await InferenceSession.create(matrices, own);
  await using other = await InferenceSession.create(matrices, { concurrency: 2 });
  expect(profiled.concurrency).toBe(1);
  const loops = [runBeside(profiled, 3), runBeside(other, 2)];
  for (let run = 0; run < 100; run++) {
    await nextTurn();
    try {
      profiled.runSync(short);
    } catch (error) {
      expect(error).toMatchObject({ code: 'ERR_BUSY' });
    }
  }
  for (const loop of loops) await loop.end();
  profiled.endProfiling();
  expect((await readdir(folder)).length).toBe(1);
});
