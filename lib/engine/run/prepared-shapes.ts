import { sequenceCode, type NativeSession, type NativeTensors } from '../addon/native';
import { isTensor } from '../tensor/tensor';
import type { TensorPool } from '../tensor/pool/tensor-pool';
import type { PreparedRun } from './prepared-run';
import { PreparedRuns, type KeptBytes, type RunShapes } from './prepared-runs';
import { fixedSlots } from './prepared-slots';
import type { RunObserver } from './run-channel';
import type { RequestedOutputs, SignaturePlan } from './signature-plan';

/** Shapes that a session has prepared runs for. */
const maxShapes = 8;

/** Row counts that a session that batches has prepared runs for. */
const maxRowCounts = 64;

/** The small runs of a session that batches, by their rows. */
export class PreparedRows {
  readonly #session: NativeSession;
  readonly #plan: SignaturePlan;
  readonly #maxRows: number;
  readonly #observer: RunObserver;
  readonly #byRows = new Map<number, PreparedRuns | undefined>();
  readonly #kept: KeptBytes = { bytes: 0 };

  constructor(session: NativeSession, plan: SignaturePlan, maxRows: number, observer: RunObserver) {
    this.#observer = observer;
    this.#session = session;
    this.#plan = plan;
    this.#maxRows = maxRows;
  }

  /** As {@link PreparedRuns.prepare}. */
  prepare(
    feeds: unknown,
    requested?: RequestedOutputs,
    pool?: TensorPool,
  ): PreparedRun | undefined {
    const rows = rowsOf(feeds, this.#plan);
    return rows === undefined ? undefined : this.#ofRows(rows)?.prepare(feeds, requested, pool);
  }

  #ofRows(rows: number): PreparedRuns | undefined {
    if (this.#byRows.has(rows)) return this.#byRows.get(rows);
    if (rows > this.#maxRows || this.#byRows.size >= maxRowCounts) return undefined;
    const runs = PreparedRuns.ofRows(this.#session, this.#plan, rows, this.#observer, this.#kept);
    this.#byRows.set(rows, runs);
    return runs;
  }

  /** As {@link PreparedRuns.close}. */
  close(): void {
    for (const runs of this.#byRows.values()) runs?.close();
  }
}

/** The first dimension of the first input. */
function rowsOf(feeds: unknown, { inputs }: SignaturePlan): number | undefined {
  const name = inputs[0]?.name;
  if (typeof feeds !== 'object' || feeds === null || name === undefined) return undefined;
  const tensor = (feeds as Record<string, unknown>)[name];
  const rows = isTensor(tensor) ? tensor.dims[0] : undefined;
  return rows !== undefined && Number.isSafeInteger(rows) && rows > 0 ? rows : undefined;
}

/** The shapes of a run; undefined if it had other values than one tensor for each name. */
function shapesOf(
  plan: SignaturePlan,
  encoded: NativeTensors,
  result: Readonly<Record<string, unknown>>,
): RunShapes | undefined {
  const inputs: (readonly number[])[] = [];
  for (let at = 0; at < encoded.length; at += 5) {
    const [index, code, dims] = encoded.slice(at, at + 3) as [number, number, readonly number[]];
    if (code === sequenceCode) return undefined;
    inputs[index] = dims;
  }
  const outputs: (readonly number[])[] = [];
  for (const { name } of plan.outputs) {
    const value = result[name];
    if (!isTensor(value)) return undefined;
    outputs.push(value.dims);
  }
  const isWhole = Object.keys(inputs).length === plan.inputs.length;
  return isWhole ? { inputs, outputs } : undefined;
}

/** The prepared runs of a model with dynamic dims, for the shapes of the last runs. */
export class PreparedShapes {
  readonly #session: NativeSession;
  readonly #plan: SignaturePlan;
  readonly #observer: RunObserver;
  readonly #kept: KeptBytes = { bytes: 0 };
  /** The last used first. Some decline every run: the model makes other shapes each time. */
  readonly #shapes: PreparedRuns[] = [];
  #closed = false;

  /** Undefined if no shapes of feeds could make its runs ones that can be prepared. */
  static for(
    session: NativeSession,
    plan: SignaturePlan,
    observer: RunObserver,
  ): PreparedShapes | undefined {
    const values = [...plan.inputs, ...plan.outputs];
    const isOpen = values.some(
      ({ dims, unknownRank }) => unknownRank || dims.some((dim) => dim < 0),
    );
    const canBe =
      isOpen &&
      fixedSlots(values.map((value) => ({ ...value, dims: [], unknownRank: false }))) !==
        undefined &&
      !values.some(({ overridableInitializer }) => overridableInitializer);
    return canBe ? new PreparedShapes(session, plan, observer) : undefined;
  }

  private constructor(session: NativeSession, plan: SignaturePlan, observer: RunObserver) {
    this.#session = session;
    this.#plan = plan;
    this.#observer = observer;
  }

  /** As {@link PreparedRuns.prepare}. */
  prepare(
    feeds: unknown,
    requested?: RequestedOutputs,
    pool?: TensorPool,
  ): PreparedRun | undefined {
    const shapes = this.#shapes;
    for (let place = 0; place < shapes.length; place++) {
      const runs = shapes[place];
      const run = runs?.prepare(feeds, requested, pool);
      if (runs === undefined || run === undefined) continue;
      if (place > 0) this.#moveToFront(runs, place);
      return run;
    }
    return undefined;
  }

  /**
   * A run has succeeded: the next of its shapes is prepared.
   *
   * @param encoded - its inputs
   * @param result - every output
   */
  learn(encoded: NativeTensors, result: Readonly<Record<string, unknown>>): void {
    const seen = shapesOf(this.#plan, encoded, result);
    if (seen === undefined || this.#closed || this.#shapes.some((runs) => runs.isFor(seen.inputs)))
      return;
    const runs = PreparedRuns.forShapes(
      this.#session,
      this.#plan,
      seen,
      this.#observer,
      this.#kept,
    );
    if (runs === undefined) return;
    if (this.#shapes.length === maxShapes) this.#shapes.pop()?.close();
    this.#moveToFront(runs, this.#shapes.length);
  }

  #moveToFront(runs: PreparedRuns, place: number): void {
    const shapes = this.#shapes;
    shapes.splice(place, 1);
    shapes.unshift(runs);
  }

  /** As {@link PreparedRuns.close}. */
  close(): void {
    this.#closed = true;
    for (const runs of this.#shapes) runs.close();
  }
}

/** Takes the result of a run the ordinary way, whose shapes may come again. */
export function learnerOf(
  prepared: object | null | undefined,
  run: { plan: SignaturePlan; outputs: RequestedOutputs; native: unknown },
  inputs: NativeTensors,
): ((result: Record<string, unknown>) => void) | undefined {
  const { plan, outputs, native } = run;
  const isPlain = plan.index === 0 && outputs === plan.everything && native === undefined;
  if (!isPlain || !(prepared instanceof PreparedShapes)) return undefined;
  // A run under way keeps no session.
  const weak = new WeakRef(prepared);
  return (result) => weak.deref()?.learn(inputs, result);
}
