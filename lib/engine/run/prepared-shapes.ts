import { sequenceCode, type NativeSession, type NativeTensors } from '../addon/native';
import type { TensorPool } from '../tensor/pool/tensor-pool';
import { isTensorLike } from './fetches';
import type { PreparedRun } from './prepared-run';
import { PreparedRuns, maxPreparedBytes, type KeptBytes, type RunShapes } from './prepared-runs';
import { fixedSlots } from './prepared-slots';
import type { RunObserver } from './run-channel';
import type { RunRequest } from './run-request';
import type { RequestedOutputs, SignaturePlan } from './signature-plan';

/** Shapes that a session has prepared runs for. */
const maxShapes = 8;

/** The same of a session that batches, whose requests may well have any number of rows. */
const maxShapesBatched = 64;

type Dims = RunShapes['inputs'];

/**
 * The prepared runs of a session: for the shapes that the model declares, or where they are
 * not fixed, for those of the last runs.
 */
export class PreparedShapes {
  readonly #session: NativeSession;
  readonly #plan: SignaturePlan;
  readonly #observer: RunObserver;
  readonly #kept: KeptBytes = { bytes: 0 };
  /** The last used first. Some decline every run: the model makes other shapes each time. */
  readonly #shapes: PreparedRuns[] = [];
  /** At most as many; 0 if those that are declared are all there are. */
  readonly #maxLearned: number;
  #closed = false;

  /** Undefined if no shapes of feeds could make its runs ones that can be prepared. */
  static for(
    session: NativeSession,
    plan: SignaturePlan,
    isBatched: boolean,
    observer: RunObserver,
  ): PreparedShapes | undefined {
    const values = [...plan.inputs, ...plan.outputs];
    if (values.some(({ overridableInitializer }) => overridableInitializer)) return undefined;
    const isFixed = values.every(
      ({ dims, unknownRank }) => !unknownRank && dims.every((dim) => dim >= 0),
    );
    if (!isFixed) {
      const ofAnyShape = values.map((value) => ({ ...value, dims: [], unknownRank: false }));
      if (fixedSlots(ofAnyShape) === undefined) return undefined;
      const maxLearned = isBatched ? maxShapesBatched : maxShapes;
      return new PreparedShapes(session, plan, observer, maxLearned);
    }
    const prepared = new PreparedShapes(session, plan, observer, 0);
    return prepared.#add() ? prepared : undefined;
  }

  private constructor(
    session: NativeSession,
    plan: SignaturePlan,
    observer: RunObserver,
    maxLearned: number,
  ) {
    this.#session = session;
    this.#plan = plan;
    this.#observer = observer;
    this.#maxLearned = maxLearned;
  }

  /** As {@link PreparedRuns.prepare}. */
  prepare(
    feeds: unknown,
    requested?: RequestedOutputs,
    pool?: TensorPool,
  ): PreparedRun | undefined {
    const run = this.#shapes[0]?.prepare(feeds, requested, pool);
    if (run !== undefined || this.#shapes.length < 2) return run;
    const dims = dimsOf(this.#plan.inputs, feeds);
    const position = dims === undefined ? -1 : this.#positionOf(dims);
    // The first has declined.
    if (position < 1) return undefined;
    this.#moveToFront(position);
    return this.#shapes[0]?.prepare(feeds, requested, pool);
  }

  /**
   * What to tell the result of a run that takes the ordinary way; undefined unless the next run
   * of its shapes can be prepared, and is not yet.
   *
   * @param encoded - the run's inputs
   */
  learner(
    { plan, outputs, native }: RunRequest,
    encoded: NativeTensors,
  ): ((result: Readonly<Record<string, unknown>>) => void) | undefined {
    const isPlain = plan.index === 0 && outputs === plan.everything && native === undefined;
    if (this.#maxLearned === 0 || !isPlain) return undefined;
    // Such runs would be looked at each time.
    if (bytesOfEncoded(encoded) > maxPreparedBytes) return undefined;
    const inputs = dimsOfEncoded(plan, encoded);
    if (inputs === undefined || this.#positionOf(inputs) >= 0) return undefined;
    // A run under way keeps no session.
    const weak = new WeakRef(this);
    return (result) => {
      const prepared = weak.deref();
      if (prepared !== undefined) prepared.#learn(inputs, result);
    };
  }

  #learn(inputs: Dims, result: Readonly<Record<string, unknown>>): void {
    // Another run may have been the first of these shapes to end.
    if (this.#closed || this.#positionOf(inputs) >= 0) return;
    const outputs = dimsOf(this.#plan.outputs, result);
    if (outputs !== undefined) this.#add({ inputs, outputs });
  }

  #add(shapes?: RunShapes): boolean {
    const runs = PreparedRuns.for(this.#session, this.#plan, this.#observer, this.#kept, shapes);
    if (runs === undefined) return false;
    if (this.#maxLearned > 0 && this.#shapes.length === this.#maxLearned)
      this.#shapes.pop()?.close();
    this.#shapes.unshift(runs);
    return true;
  }

  #positionOf(inputs: Dims): number {
    const shapes = this.#shapes;
    for (let position = 0; position < shapes.length; position++) {
      if (shapes[position]?.isFor(inputs) === true) return position;
    }
    return -1;
  }

  #moveToFront(position: number): void {
    const shapes = this.#shapes;
    let moved = shapes[position];
    for (let at = 0; moved !== undefined && at <= position; at++) {
      const next = shapes[at];
      shapes[at] = moved;
      moved = next;
    }
  }

  /** As {@link PreparedRuns.close}. */
  close(): void {
    this.#closed = true;
    for (const runs of this.#shapes) runs.close();
  }
}

/** The dims of the tensors that are called so; undefined if one of them is no tensor. */
function dimsOf(values: readonly { readonly name: string }[], tensors: unknown): Dims | undefined {
  if (typeof tensors !== 'object' || tensors === null) return undefined;
  const dims: (readonly number[])[] = [];
  for (let index = 0; index < values.length; index++) {
    const tensor = (tensors as Record<string, unknown>)[values[index]?.name ?? ''];
    const known: unknown = isTensorLike(tensor) ? tensor.dims : undefined;
    if (!Array.isArray(known)) return undefined;
    dims[index] = known as number[];
  }
  return dims;
}

function bytesOfEncoded(encoded: NativeTensors): number {
  let bytes = 0;
  for (let at = 3; at < encoded.length; at += 5) {
    const data = encoded[at];
    if (ArrayBuffer.isView(data)) bytes += data.byteLength;
  }
  return bytes;
}

/** Undefined if they are not one tensor for each input. */
function dimsOfEncoded({ inputs }: SignaturePlan, encoded: NativeTensors): Dims | undefined {
  if (encoded.length !== 5 * inputs.length) return undefined;
  const dims: (readonly number[])[] = [];
  for (let at = 0; at < encoded.length; at += 5) {
    if (encoded[at + 1] === sequenceCode) return undefined;
    dims[encoded[at] as number] = encoded[at + 2] as readonly number[];
  }
  return dims;
}
