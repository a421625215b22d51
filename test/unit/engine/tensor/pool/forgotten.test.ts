import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';

import { TensorPool } from 'onlite';
import { describe, expect, it } from 'vitest';

setFlagsFromString('--expose-gc');
const collect = runInNewContext('gc') as () => void;

/** Collects garbage until a condition holds, or fails. */
async function collectUntil(condition: () => boolean): Promise<void> {
  for (let round = 0; round < 50; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
    if (condition()) return;
    // What a WeakRef has given stays until the end of the job.
    await new Promise((resolve) => setTimeout(resolve, 1));
  }
  throw new Error('the condition did not come true');
}

async function collectAFewTimes(): Promise<void> {
  for (let round = 0; round < 5; round++) {
    collect();
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}

const MIB = 1 << 20;

// Values of the outer function live in its frame: what is to be forgotten is
// made in a function of its own.
describe('a tensor that was not disposed', () => {
  it.each([256, 600 * 1024, 3 * MIB])('of %i bytes is reclaimed', async (bytes) => {
    const pool = new TensorPool({ maxBytes: 16 * MIB });
    const fill = (): void => {
      for (let count = 0; count < 5; count++) pool.acquire('uint8', [bytes]).data.fill(1);
    };
    for (let round = 0; round < 3; round++) {
      fill();
      expect(pool.stats.bytesInUse).toBeGreaterThanOrEqual(5 * bytes);
      await collectUntil(() => pool.stats.bytesInUse === 0);
    }
    expect(pool.stats.bytesFree).toBe(0);
    expect(pool.acquire('uint8', [bytes]).data.length).toBe(bytes);
  });

  it('is reclaimed after its memory served disposed ones', async () => {
    const pool = new TensorPool();
    const use = (): void => {
      pool.acquire('float32', [100]).dispose();
      pool.acquire('float32', [100]).dispose();
      pool.acquire('int32', [100]).dispose();
      pool.acquire('float32', [100]).data.fill(1);
    };
    use();
    expect(pool.stats).toMatchObject({ hits: 3, misses: 1 });
    await collectUntil(() => pool.stats.bytesInUse === 0);
  });

  it('keeps its memory while its data is reachable', async () => {
    const pool = new TensorPool();
    const dataOf = (): Float32Array => pool.acquire('float32', [64]).data;
    const data = dataOf();
    data.fill(7);
    await collectAFewTimes();
    expect(pool.stats.bytesInUse).toBe(256);
    for (let count = 0; count < 10_000; count++) pool.acquire('float32', [64]).data.fill(1);
    expect(data.every((value) => value === 7)).toBe(true);
  });

  it('does not lose memory that a part of its data can reach', async () => {
    const pool = new TensorPool({ maxBytes: 4 * MIB });
    const partOf = (bytes: number): Uint8Array => {
      const { data } = pool.acquire('uint8', [bytes]);
      return data.fill(7).subarray(10, 50);
    };
    const parts = [partOf(100), partOf(MIB)];
    // A free and a used neighbour: the slab stays in use.
    const neighbours = [pool.acquire('uint8', [100]), pool.acquire('uint8', [100])];
    await collectUntil(() => pool.stats.bytesInUse === 256);
    neighbours[0]!.dispose();
    const held = Array.from({ length: 2000 }, () => pool.acquire('uint8', [100]));
    for (const tensor of held) tensor.data.fill(1);
    pool.acquire('uint8', [MIB]).data.fill(1);
    for (const tensor of held) tensor.dispose();
    pool.trim();
    for (const part of parts) expect(part.every((value) => value === 7)).toBe(true);
    neighbours[1]!.dispose();
    pool.trim();
    for (const part of parts) expect(part.every((value) => value === 7)).toBe(true);
  });

  it('does not take neighbours with it', async () => {
    const pool = new TensorPool();
    const neighbour = pool.acquire('uint8', [100]);
    const forget = (): void => {
      pool.acquire('uint8', [100]).data.fill(2);
    };
    neighbour.data.fill(1);
    forget();
    await collectUntil(() => pool.stats.bytesInUse === 128);
    expect(neighbour.data.every((value) => value === 1)).toBe(true);
    neighbour.dispose();
    expect(pool.stats).toMatchObject({ bytesInUse: 0, bytesFree: 0 });
  });

  it('and was recycled with another view is not counted twice', async () => {
    const pool = new TensorPool();
    const churn = (): void => {
      for (let count = 0; count < 100; count++) {
        pool.acquire('float32', [16]).dispose();
        pool.acquire('int32', [16]).dispose();
        pool.acquire('int8', [60]).dispose();
      }
    };
    churn();
    const tensor = pool.acquire('int8', [64]);
    await collectAFewTimes();
    expect(pool.stats).toMatchObject({ bytesInUse: 64, bytesFree: 0 });
    tensor.dispose();
    expect(pool.stats).toMatchObject({ bytesInUse: 0, bytesFree: 64 });
  });

  it('is reported once for each place in debug mode', async () => {
    const warnings: Error[] = [];
    const listen = (warning: Error): void => void warnings.push(warning);
    process.on('warning', listen);
    const pool = new TensorPool({ debug: true });
    const forgetHere = (): void => {
      for (let count = 0; count < 3; count++) pool.acquire('uint8', [100]);
    };
    const forgetThere = (): void => void pool.acquire('uint8', [100]);
    const disposeThere = (): void => pool.acquire('uint8', [100]).dispose();
    forgetHere();
    forgetThere();
    disposeThere();
    await collectUntil(() => pool.stats.bytesInUse === 0);
    await collectAFewTimes();
    process.off('warning', listen);
    const ours = warnings.filter(
      (warning) => (warning as Error & { code?: string }).code === 'ONLITE_TENSOR_FORGOTTEN',
    );
    expect(ours.map((warning) => /forget\w+/.exec(warning.message)?.[0]).sort()).toEqual([
      'forgetHere',
      'forgetThere',
    ]);
    expect(ours[0]!.message.split('\n')[1]).toMatch(/at forget\w+ /);
  });
});

it('a forgotten pool is collected with its memory', async () => {
  const make = (): WeakRef<TensorPool> => {
    const pool = new TensorPool();
    pool.acquire('uint8', [MIB]).dispose();
    pool.acquire('uint8', [100]).data.fill(1);
    return new WeakRef(pool);
  };
  const reference = make();
  await collectUntil(() => reference.deref() === undefined);
});
