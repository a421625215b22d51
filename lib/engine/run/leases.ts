import { OnliteError } from '../../errors';
import type { Held } from '../addon/jobs';
import type { Block } from '../tensor/pool/block';
import { leasable, release, retain, type Lease } from '../tensor/pool/lease';

/*
 * Several runs may read a pooled tensor at once, but one that writes it excludes
 * all others. Tensors in other memory are copied by asynchronous runs, so nothing
 * has to be known of them. A block is one tensor's, so blocks are compared.
 */

/** A run's use of a pooled tensor. Linked: what ends runs must not need Array.prototype. */
interface TensorUse {
  lease: Lease;
  path: string;
  isOutput: boolean;
  next: TensorUse | undefined;
}

/** Uses by asynchronous runs under way in this thread: most often none, then nobody needs to look. */
let active = 0;

function begin({ lease, isOutput }: TensorUse): void {
  active++;
  if (isOutput) lease.block.writers++;
  else lease.block.readers++;
}

function end({ lease, isOutput }: TensorUse): void {
  active--;
  if (isOutput) lease.block.writers--;
  else lease.block.readers--;
}

/** @param own - uses of the same run, which are no conflict */
function requireFree(
  block: Block,
  isOutput: boolean,
  path: string,
  own: TensorUse | undefined,
): void {
  let { readers, writers } = block;
  for (let use = own; use !== undefined; use = use.next) {
    if (use.lease.block !== block) continue;
    if (use.isOutput) writers--;
    else readers--;
  }
  if (writers === 0 && (!isOutput || readers === 0)) return;
  throw new OnliteError(
    'ERR_BUSY',
    `${path}: a run in flight ${writers === 0 ? 'reads' : 'writes'} the tensor`,
  );
}

/**
 * For a synchronous run, which is over before anything else can begin.
 *
 * @throws OnliteError ERR_BUSY if an asynchronous run writes the tensor, or
 *   reads it and this one would write it
 */
export function requireAccess(tensor: unknown, isOutput: boolean, path: string): void {
  if (active === 0) return;
  const block = leasable(tensor);
  if (block !== undefined) requireFree(block, isOutput, path, undefined);
}

/** An asynchronous run's holds on the pooled tensors that it uses. */
export class RunLeases implements Held {
  #first: TensorUse | undefined;

  /** @throws OnliteError ERR_BUSY as {@link requireAccess} */
  add(tensor: unknown, isOutput: boolean, path: string): void {
    const block = leasable(tensor);
    if (block === undefined) return;
    requireFree(block, isOutput, path, this.#first);
    const lease = retain(tensor);
    if (lease === undefined) return;
    this.#first = { lease, path, isOutput, next: this.#first };
    begin(this.#first);
  }

  /** Ends every hold. May be called again. */
  release(): void {
    let use = this.#first;
    this.#first = undefined;
    for (; use !== undefined; use = use.next) {
      end(use);
      release(use.lease);
    }
  }
}

/**
 * A binding's holds on its pooled tensors: their memory stays as long as they
 * are bound, and is in use while a run is under way.
 */
export class BindingLeases {
  #first: TensorUse | undefined;

  /** Replaces the hold under a path. Not during a run. */
  set(path: string, isOutput: boolean, lease: Lease | undefined): void {
    let rest: TensorUse | undefined;
    for (let use = this.#first; use !== undefined;) {
      const { next } = use;
      if (use.path === path) {
        release(use.lease);
      } else {
        use.next = rest;
        rest = use;
      }
      use = next;
    }
    this.#first = lease === undefined ? rest : { lease, path, isOutput, next: rest };
  }

  /** An output and an input have exchanged their tensors. Not during a run. */
  exchange(output: string, input: string): void {
    let from: TensorUse | undefined;
    let to: TensorUse | undefined;
    for (let use = this.#first; use !== undefined; use = use.next) {
      if (use.path === output) from = use;
      else if (use.path === input) to = use;
    }
    if (from !== undefined && to !== undefined) [from.lease, to.lease] = [to.lease, from.lease];
    // One of the two has no lease: its tensor is in ordinary memory.
    else if (from !== undefined) Object.assign(from, { path: input, isOutput: false });
    else if (to !== undefined) Object.assign(to, { path: output, isOutput: true });
  }

  /** Before a synchronous run. @throws OnliteError ERR_BUSY as {@link requireAccess} */
  requireAccess(): void {
    if (active === 0) return;
    for (let use = this.#first; use !== undefined; use = use.next) {
      requireFree(use.lease.block, use.isOutput, use.path, undefined);
    }
  }

  /** An asynchronous run begins. @throws OnliteError ERR_BUSY, and then it has not */
  begin(): void {
    this.requireAccess();
    for (let use = this.#first; use !== undefined; use = use.next) begin(use);
  }

  /** It has ended. */
  end(): void {
    for (let use = this.#first; use !== undefined; use = use.next) end(use);
  }

  /** Ends every hold. Not during a run. */
  release(): void {
    for (let use = this.#first; use !== undefined; use = use.next) release(use.lease);
    this.#first = undefined;
  }
}
