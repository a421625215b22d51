import type { TensorPool } from './pool/tensor-pool';

const pools = new Set<WeakRef<TensorPool>>();
let pruneAt = 64;

/** Makes a pool known to those that add up the memory of pools; weakly. */
export function addPool(pool: TensorPool): void {
  pools.add(new WeakRef(pool));
  if (pools.size < pruneAt) return;
  livePools();
  pruneAt = 2 * pools.size + 64;
}

/** The pools of this environment that have not been collected. */
export function livePools(): TensorPool[] {
  const live: TensorPool[] = [];
  for (const reference of pools) {
    const pool = reference.deref();
    if (pool === undefined) pools.delete(reference);
    else live.push(pool);
  }
  return live;
}
