// The pools, the garbage collector, and time that passes.
import { setTimeout as sleep } from 'node:timers/promises';

import { turn } from '../world.mjs';

const types = ['float32', 'int64', 'bool', 'uint8', 'float16', 'complex128'];

/** Tensors come and go; others are forgotten. */
export async function churnPool(world, random) {
  const pool = world.pools[random.pick(['pooled', 'sharedPooled', 'zeroed'])];
  world.count('pool churn');
  const tensors = [];
  for (let count = random.below(6); count > 0; count--) {
    tensors.push(pool.acquire(random.pick(types), [random.below(40), 1 + random.below(40)]));
  }
  if (pool === world.pools.zeroed) {
    for (const { data } of tensors)
      world.check(
        data.every((value) => !value),
        'pool: not zeroed',
      );
  }
  const { bytesInUse, highWaterBytes } = pool.stats;
  world.check(bytesInUse <= highWaterBytes, 'pool: more in use than the high water');
  for (const tensor of tensors) {
    tensor.data.fill(tensor.data instanceof BigInt64Array ? 7n : 7);
    if (!random.oneIn(8)) tensor.dispose();
  }
  if (random.oneIn(4)) pool.trim();
}

/** A pool is ended and another takes its place; its tensors live on. */
export async function replacePool(world, random) {
  const name = random.pick(['pooled', 'sharedPooled']);
  world.count('pool dispose');
  world.pools[name].dispose();
  const options = { maxBytes: 2 ** 26, shared: name === 'sharedPooled' };
  world.pools[name] = world.makePool(options);
}

export async function collect(world) {
  world.count('collect');
  globalThis.gc?.();
}

/** Lets some of what is in flight come to its end. */
export async function wait(world, random) {
  world.count('wait');
  if (random.oneIn(2)) await turn();
  else await sleep(random.below(3));
}

export async function settle(world) {
  world.count('settle');
  await world.settle();
}
