import { OnliteError } from '../../errors';
import type { NativeSession, NativeValue, NativeValueInfo } from '../addon/native';
import type { NumericData } from '../tensor/element-type';
import type { TensorPool } from '../tensor/pool/tensor-pool';
import { Tensor, blockOf, isTensor } from '../tensor/tensor';
import { storeValue } from '../tensor/values';
import { hasDims } from './fetches';
import { requireAccess } from './leases';
import { PreparedRun, type Bind } from './prepared-run';
import {
  bitsOf,
  copyOf,
  declared,
  fixedSlots,
  hasBytes,
  isApart,
  matchingData,
  type Slot,
} from './prepared-slots';
import type { RunObserver } from './run-channel';
import type { RequestedOutputs, SignaturePlan } from './signature-plan';

/** Up to so many bytes of inputs and outputs, copying costs less than binding anew. */
export const maxPreparedBytes = 64 << 10;

/** Bindings that a session has for runs of one shape; a run beyond takes the ordinary way. */
const maxKept = 64;

/** The memory of those that a session has, all together. */
const maxKeptBytes = 1 << 20;

/** Memory of a session's prepared runs, under way and to come. */
export interface KeptBytes {
  bytes: number;
}

/** The dims of a run's inputs and outputs, in the signature's order. */
export interface RunShapes {
  readonly inputs: readonly (readonly number[])[];
  readonly outputs: readonly (readonly number[])[];
}

const bindTo =
  (session: NativeSession, plan: SignaturePlan): Bind =>
  (inputs, outputs) => {
    const binding = session.bind(plan.index);
    binding.setInputs(inputs);
    binding.setOutputs(outputs, true);
    return binding;
  };

function withDims(
  values: readonly NativeValueInfo[],
  dims: readonly (readonly number[])[] | undefined,
): readonly NativeValueInfo[] {
  if (dims === undefined) return values;
  return values.map((value, index) => ({
    ...value,
    dims: [...(dims[index] ?? [])],
    unknownRank: false,
  }));
}

function bytesOf(slots: readonly Slot[]): number {
  let bytes = 0;
  for (const { byteLength } of slots) bytes += byteLength;
  return bytes;
}

/**
 * The quick way for models whose inputs and outputs are few bytes of known
 * shapes: feeds are copied into, and results out of, a binding that is kept,
 * which costs less than describing tensors to the runtime for each run. Feeds
 * that are not exactly what the model declares take the ordinary way, which
 * also has the error messages; so do all runs of a model once it has made other
 * shapes than it declares, or has given an input back instead of writing a result.
 */
export class PreparedRuns {
  readonly observer: RunObserver;
  readonly #bind: Bind;
  readonly #inputs: Slot[];
  readonly #outputs: Slot[];
  readonly #bytes: number;
  readonly #kept: KeptBytes;
  /** Linked: a run's end must not need Array.prototype, as nobody would catch what it throws. */
  #free: PreparedRun | undefined;
  /** Those in use and those that are free. */
  #count = 0;
  #closed = false;

  /**
   * Undefined if the shapes are not all known, or too large together.
   *
   * @param shapes - those of the runs; by default what the signature declares
   */
  static for(
    session: NativeSession,
    plan: SignaturePlan,
    observer: RunObserver,
    kept: KeptBytes,
    shapes?: RunShapes,
  ): PreparedRuns | undefined {
    const inputs = fixedSlots(withDims(plan.inputs, shapes?.inputs));
    const outputs = fixedSlots(withDims(plan.outputs, shapes?.outputs));
    if (inputs === undefined || outputs === undefined || outputs.length === 0) return undefined;
    return bytesOf(inputs) + bytesOf(outputs) <= maxPreparedBytes
      ? new PreparedRuns(observer, bindTo(session, plan), inputs, outputs, kept)
      : undefined;
  }

  private constructor(
    observer: RunObserver,
    bind: Bind,
    inputs: Slot[],
    outputs: Slot[],
    kept: KeptBytes,
  ) {
    this.observer = observer;
    this.#bind = bind;
    this.#inputs = inputs;
    this.#outputs = outputs;
    this.#bytes = bytesOf(inputs) + bytesOf(outputs);
    this.#kept = kept;
  }

  /** Whether these are the shapes of its inputs. */
  isFor(inputs: RunShapes['inputs']): boolean {
    for (let index = 0; index < this.#inputs.length; index++) {
      const dims = this.#inputs[index]?.dims;
      if (dims === undefined || !hasDims(inputs[index] ?? [], dims)) return false;
    }
    return true;
  }

  /**
   * A run with the feeds copied in; undefined if it needs the ordinary way. Run it once.
   * A getter of the feeds may do anything, so no run is taken before all were read.
   *
   * @param requested - which outputs, by default every one as a new tensor
   * @param pool - where those come from
   * @throws OnliteError ERR_BUSY if a run in flight uses a pooled tensor
   */
  prepare(
    feeds: unknown,
    requested?: RequestedOutputs,
    pool?: TensorPool,
  ): PreparedRun | undefined {
    if (this.#closed || typeof feeds !== 'object' || feeds === null) return undefined;
    const inputs = this.#inputs;
    if (Object.keys(feeds).length !== inputs.length) return undefined;
    const datas: NumericData[] = [];
    for (const slot of inputs) {
      const tensor = (feeds as Record<string, unknown>)[slot.name];
      const data = matchingData(tensor, slot);
      if (data === undefined || !Object.hasOwn(feeds, slot.name)) return undefined;
      requireAccess(tensor, false, `inputs.${slot.name}`);
      datas.push(data);
    }
    if (requested?.tensors !== undefined && !this.#canFill(requested, datas)) return undefined;
    const run = this.#takeFree() ?? this.#make();
    if (run === undefined) return undefined;
    if (!this.#copyIn(run, datas)) {
      this.giveBack(run);
      return undefined;
    }
    run.requested = requested;
    run.pool = pool;
    return run;
  }

  /**
   * Undefined where there are enough, since binding anew takes longer than the ordinary way, or
   * where that can do what cannot be bound, or has the better error.
   */
  #make(): PreparedRun | undefined {
    const bytes = this.#kept.bytes + this.#bytes;
    if (this.#count >= maxKept || bytes > maxKeptBytes) return undefined;
    try {
      const run = new PreparedRun(this, this.#bind, this.#inputs, this.#outputs);
      this.#kept.bytes = bytes;
      this.#count++;
      return run;
    } catch (error) {
      const isMomentary =
        error instanceof OnliteError &&
        (error.code === 'ERR_POOL_EXHAUSTED' || error.code === 'ERR_OUT_OF_MEMORY');
      if (!isMomentary) this.close();
      return undefined;
    }
  }

  /** False if some data is not any more what it was when it was read. */
  #copyIn(run: PreparedRun, datas: readonly NumericData[]): boolean {
    try {
      for (let index = 0; index < datas.length; index++) {
        const slot = this.#inputs[index];
        const data = datas[index];
        if (slot === undefined || data === undefined || !hasBytes(data, slot)) return false;
        run.inputs[index]?.set(bitsOf(data, slot) as never);
      }
      return true;
    } catch {
      // Data of another class than the tensor's type has.
      return false;
    }
  }

  /**
   * Whether the given tensors are what the model declares, each with memory of its
   * own. A pooled one has to be leased, and may be written in place, so it takes the
   * ordinary way.
   */
  #canFill({ indexes, tensors = [] }: RequestedOutputs, datas: readonly NumericData[]): boolean {
    let others = datas;
    for (let position = 0; position < indexes.length; position++) {
      const slot = this.#outputs[indexes[position] ?? -1];
      const tensor = tensors[position];
      if (slot === undefined) return false;
      if (tensor === null) continue;
      const data = matchingData(tensor, slot);
      if (data === undefined || (isTensor(tensor) && blockOf(tensor) !== undefined)) return false;
      if (!isApart(data, others)) return false;
      if (position + 1 < indexes.length) others = [...others, data];
    }
    return true;
  }

  /** The results of a run, copied out. */
  results(run: PreparedRun): Record<string, unknown> {
    const { requested, pool } = run;
    const result: Record<string, unknown> = {};
    if (requested === undefined && pool === undefined) {
      for (let index = 0; index < this.#outputs.length; index++) {
        const slot = this.#outputs[index];
        const view = run.outputs[index];
        if (slot === undefined || view === undefined) continue;
        result[slot.name] = Tensor.fromTrusted(slot.type, copyOf(view, slot), [...slot.dims]);
      }
      return result;
    }
    return this.#assemble(run, (slot, given, index) =>
      declared(slot, given, run.outputs[index], run.pool),
    );
  }

  /** The results of a run that are not as the model declares; null for those that are. */
  decode(run: PreparedRun, values: readonly NativeValue[]): Record<string, unknown> {
    return this.#assemble(run, (slot, given, index) => {
      const value = values[index] ?? null;
      return value === null
        ? declared(slot, given, run.outputs[index], run.pool)
        : storeValue(slot.name, value, given, run.pool);
    });
  }

  #assemble(
    { requested, pool }: PreparedRun,
    make: (slot: Slot, given: unknown, index: number) => unknown,
  ): Record<string, unknown> {
    const count = requested?.indexes.length ?? this.#outputs.length;
    const result: Record<string, unknown> = {};
    const made: unknown[] = [];
    try {
      for (let position = 0; position < count; position++) {
        const index = requested?.indexes[position] ?? position;
        const slot = this.#outputs[index];
        if (slot === undefined) continue;
        const given = requested?.tensors?.[position] ?? null;
        const value = make(slot, given, index);
        result[slot.name] = value;
        if (given === null) made[made.length] = value;
      }
    } catch (error) {
      // What was taken from the caller's pool goes back to it.
      if (pool !== undefined) {
        for (const value of made) if (isTensor(value)) value.dispose();
      }
      throw error;
    }
    return result;
  }

  /** Gives a run back for the next. */
  giveBack(run: PreparedRun): void {
    if (this.#closed) {
      this.#dispose(run);
      return;
    }
    run.next = this.#free;
    this.#free = run;
  }

  #takeFree(): PreparedRun | undefined {
    const run = this.#free;
    if (run === undefined) return undefined;
    this.#free = run.next;
    run.next = undefined;
    return run;
  }

  #dispose(run: PreparedRun): void {
    this.#kept.bytes -= this.#bytes;
    this.#count--;
    run.dispose();
  }

  /** No further run: the session is released, or goes the ordinary way. Gives the memory back. */
  close(): void {
    this.#closed = true;
    for (let run = this.#takeFree(); run !== undefined; run = this.#takeFree()) this.#dispose(run);
  }
}
