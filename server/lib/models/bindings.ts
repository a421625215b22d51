import { Tensor, type TensorPool } from 'onlite';

import type { ModelBinding, ModelSession } from './served-model';
import type { Signature } from './signature';

/** The shapes of a signature's inputs, in its order; undefined for an optional one that is left out. */
export type InputShapes = readonly (readonly number[] | undefined)[];

/** Text about outputs of which always the same ones are wanted. */
export interface AnswerHead {
  readonly wanted: object;
  readonly text: string;
}

/** Memory for one run: inputs to be written and outputs to be read. */
export interface Bound {
  readonly key: string;
  readonly io: ModelBinding;
  /** Optional inputs' tensors, which the binding does not give back itself. */
  readonly optional: readonly Tensor[];
  /** Of tensors that are bound; what the runtime allocates comes on top. */
  readonly bytes: number;
  /** Whether the shapes of outputs were concluded from the names of dimensions. */
  readonly isConcluded: boolean;
  /** The bytes of tensors that were asked for before: making views anew costs more than to look. */
  readonly views: Map<Tensor, Buffer>;
  /** No output is allocated by the runtime, anew for each run. */
  readonly isStatic: boolean;
  /** What a protocol writes about the outputs, if they are the same each time. */
  head: AnswerHead | undefined;
}

export interface BindingLimits {
  /** Bindings that are kept for later requests. */
  readonly maxFree: number;
  /** Bytes of tensors in them. */
  readonly maxFreeBytes: number;
}

/**
 * Bindings of one signature that no request uses, by the shapes of their inputs. A request takes one,
 * or a new one is made; the least recently used shapes are given up first.
 */
export class Bindings {
  readonly #session: ModelSession;
  readonly #signature: Signature;
  readonly #pool: TensorPool;
  readonly #limits: BindingLimits;
  readonly #free = new Map<string, Bound[]>();
  #lastShapes: InputShapes | undefined;
  #lastKey = '';
  #freeCount = 0;
  #freeBytes = 0;
  /** Some model's dimensions of one name have not been equal: its outputs are the runtime's. */
  #mayConclude = true;

  constructor(
    session: ModelSession,
    signature: Signature,
    pool: TensorPool,
    limits: BindingLimits,
  ) {
    this.#session = session;
    this.#signature = signature;
    this.#pool = pool;
    this.#limits = limits;
  }

  take(shapes: InputShapes): Bound {
    const key = this.#keyOf(shapes);
    const free = this.#free.get(key);
    const bound = free?.pop();
    if (free === undefined || bound === undefined) {
      return this.#bind(key, shapes, this.#mayConclude);
    }
    if (free.length === 0) this.#free.delete(key);
    this.#freeCount--;
    this.#freeBytes -= bound.bytes;
    return bound;
  }

  /** Clients send requests of the same shapes, and the protocol's part keeps those that it has read. */
  #keyOf(shapes: InputShapes): string {
    if (shapes !== this.#lastShapes) {
      this.#lastShapes = shapes;
      this.#lastKey = keyOf(shapes);
    }
    return this.#lastKey;
  }

  giveBack(bound: Bound): void {
    if (bound.bytes > this.#limits.maxFreeBytes || (bound.isConcluded && !this.#mayConclude)) {
      disposeBound(bound);
      return;
    }
    const free = this.#free.get(bound.key) ?? [];
    free.push(bound);
    // Last in the map's order: used last.
    this.#free.delete(bound.key);
    this.#free.set(bound.key, free);
    this.#freeCount++;
    this.#freeBytes += bound.bytes;
    while (this.#freeCount > this.#limits.maxFree || this.#freeBytes > this.#limits.maxFreeBytes) {
      this.#dropOldest();
    }
  }

  /** One whose outputs the runtime allocates. */
  takeUnconcluded(shapes: InputShapes): Bound {
    return this.#bind(keyOf(shapes), shapes, false);
  }

  /** The names of dimensions lie: from now on the runtime allocates the outputs. */
  concludeNoMore(): void {
    this.#mayConclude = false;
  }

  dispose(): void {
    while (this.#freeCount > 0) this.#dropOldest();
  }

  #dropOldest(): void {
    for (const [key, free] of this.#free) {
      const bound = free.shift();
      if (free.length === 0) this.#free.delete(key);
      if (bound === undefined) continue;
      this.#freeCount--;
      this.#freeBytes -= bound.bytes;
      disposeBound(bound);
      return;
    }
  }

  #bind(key: string, shapes: InputShapes, mayConclude: boolean): Bound {
    const { inputs, outputs, key: signature } = this.#signature;
    const dims: Record<string, number | readonly number[]> = {};
    const strings: Record<string, Tensor<'string'>> = {};
    const left: Record<string, 'dynamic'> = {};
    for (const [index, input] of inputs.entries()) {
      const shape = shapes[index];
      if (shape === undefined) continue;
      for (const [axis, dim] of input.shape.entries()) {
        if (typeof dim === 'string' && dim !== '') dims[dim] = shape[axis] ?? 0;
      }
      // A copy: the caller's may be another request's next.
      if (input.type !== 'string') dims[input.name] = [...shape];
      else strings[input.name] = emptyStrings(shape);
    }
    const isConcluded =
      mayConclude && outputs.some((output) => output.shape.some((dim) => typeof dim === 'string'));
    if (!mayConclude) for (const { name } of outputs) left[name] = 'dynamic';
    const optional = this.#optionalInputs(shapes);
    const io = this.#session.bind({
      inputs: { ...strings, ...optional },
      outputs: left,
      dims,
      pool: this.#pool,
      ...(signature === undefined ? {} : { signature }),
    });
    const isStatic = Object.keys(io.outputs).length === outputs.length;
    let bytes = 0;
    for (const tensor of [...Object.values(io.inputs), ...Object.values(io.outputs)]) {
      if (ArrayBuffer.isView(tensor.data)) bytes += tensor.data.byteLength;
    }
    return {
      key,
      io,
      optional: Object.values(optional),
      bytes,
      isConcluded,
      isStatic,
      views: new Map(),
      head: undefined,
    };
  }

  /** `bind` has no memory for optional inputs but what it is given. */
  #optionalInputs(shapes: InputShapes): Record<string, Tensor> {
    const tensors: Record<string, Tensor> = {};
    for (const [index, { name, type, optional }] of this.#signature.inputs.entries()) {
      const shape = shapes[index];
      if (optional !== true || shape === undefined || type === 'string') continue;
      tensors[name] = this.#pool.acquire(type, shape) as unknown as Tensor;
    }
    return tensors;
  }
}

/** Of a binding whose run was given up this waits for the run's end. */
export function disposeBound({ io, optional }: Bound): void {
  io.dispose();
  for (const tensor of optional) tensor.dispose();
}

function emptyStrings(shape: readonly number[]): Tensor<'string'> {
  const count = shape.reduce((product, dim) => product * dim, 1);
  return new Tensor('string', new Array<string>(count).fill(''), shape);
}

function keyOf(shapes: InputShapes): string {
  let key = '';
  for (const shape of shapes) key += shape === undefined ? '-;' : `${shape.join(',')};`;
  return key;
}
