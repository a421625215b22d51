import { TensorPool } from 'onlite';

import { fromValues } from '../harness/context.mjs';
import { micro } from '../harness/micro.mjs';

export const name = 'pool';
export const description = 'TensorPool: acquire and dispose';

const KIB = 1024;
const figure = 'pool acquire + dispose';

/** A pool with `live` tensors of a size, and the tensors. */
function fill(bytes, live) {
  const pool = new TensorPool({ maxBytes: 2 ** 40 });
  const dims = [bytes / 4];
  const tensors = Array.from({ length: live }, () => pool.acquire('float32', dims));
  return { pool, dims, tensors };
}

/** One tensor more, acquired and disposed. */
function another({ pool, dims }) {
  return () => pool.acquire('float32', dims).dispose();
}

/** The oldest tensor replaced, so that every one of them is touched in turn. */
function oldest({ pool, dims, tensors }) {
  let next = 0;
  return () => {
    tensors[next].dispose();
    tensors[next] = pool.acquire('float32', dims);
    next = (next + 1) % tensors.length;
  };
}

export async function run(context) {
  const { warmUpMs, sliceMs } = context.pace;
  const repetitions = Math.min(context.pace.repetitions, 7);
  for (const bytes of [KIB, 600 * KIB]) {
    for (const [live, atMost] of [
      [10, 300],
      [10_000, 600],
    ]) {
      for (const [what, make] of Object.entries({ another, oldest })) {
        const caseName = `${bytes / KIB} KiB, ${live.toLocaleString('en')} live, ${what}`;
        await context.case({ name: caseName, unit: 'ns', target: { atMost }, figure }, async () => {
          const filled = fill(bytes, live);
          const step = make(filled);
          const results = [];
          for (let repetition = 0; repetition < repetitions; repetition += 1) {
            context.progress(`${caseName} ${repetition + 1}/${repetitions}`);
            results.push(await micro(caseName, step, { ms: sliceMs, warmUpMs }));
          }
          const { stats } = filled.pool;
          for (const tensor of filled.tensors) tensor.dispose();
          filled.pool.dispose();
          return fromValues(
            results.map((result) => result.p50),
            { results, stats },
          );
        });
      }
    }
  }
}
