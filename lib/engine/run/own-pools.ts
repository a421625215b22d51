import { TensorPool } from '../tensor/pool/tensor-pool';

let sharedPool: TensorPool | undefined;

/** The pools that no caller made, of those that there was need of. */
export function ownPools(): ReadonlySet<TensorPool | undefined> {
  return new Set([sharedPool, keptPool]);
}

/** The pool of everything that no caller chose a pool for. */
export function defaultPool(): TensorPool {
  sharedPool ??= new TensorPool();
  return sharedPool;
}

let keptPool: TensorPool | undefined;

/** Kept memory lies apart: no program ever gets a view of it, nor of what is beside it. */
export function poolOfKept(): TensorPool {
  keptPool ??= new TensorPool();
  return keptPool;
}
