import type { NumericData } from '../tensor/element-type';
import { OnliteError } from '../../errors';
import { fillFetch } from './fetches';
import { Lookout, OneRun, type Job, type StartedJob } from '../addon/jobs';
import { requireAccess } from './leases';
import {
  memoryKind,
  type NativeBinding,
  type NativeSession,
  type NativeTensors,
  type NativeValue,
} from '../addon/native';
import { TensorPool, acquireFrom } from '../tensor/pool/tensor-pool';
import { runChannel, type RunObserver } from './run-channel';
import type { RequestedOutputs, SignaturePlan } from './signature-plan';
import {
  bitsOf,
  copyOf,
  fixedSlots,
  hasBytes,
  isApart,
  matchingData,
  type Slot,
} from './prepared-slots';
import { Tensor, blockOf, dataOf, isTensor } from '../tensor/tensor';
import { placeValue } from '../tensor/values';

/** Up to so many bytes of inputs and outputs, copying costs less than binding anew. */
const maxBytes = 64 << 10;

/** Bindings that a session keeps for further runs. */
const maxKept = 64;

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
function poolOfKept(): TensorPool {
  keptPool ??= new TensorPool();
  return keptPool;
}

/** What runs over memory that it is given once. */
interface Bound {
  run(id: number): void;
  /** Not where runs are batched. */
  runSync?: NativeBinding['runSync'];
}

type Bind = (inputs: NativeTensors, outputs: NativeTensors) => Bound;

/** Memory of its own, for one run at a time. */
export class SmallRun implements Job {
  readonly #bound: Bound;
  readonly inputs: NumericData[] = [];
  readonly outputs: NumericData[] = [];
  /** What the run under way is asked for; undefined for every output. */
  requested: RequestedOutputs | undefined;
  /** Where the run's results are taken from. */
  pool: TensorPool | undefined;
  /** Kept alive: the bound memory is theirs. */
  readonly #tensors: Tensor[] = [];

  /** In the list of those that wait for a run. */
  next: SmallRun | undefined;

  readonly #runs: SmallRuns;
  #resolve: ((result: object) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  readonly #startNative = (id: number): void => {
    this.#bound.run(id);
  };
  #id = -1;
  #job: Job = this;
  readonly #start = (resolve: (result: object) => void, reject: (error: unknown) => void): void => {
    this.#resolve = resolve;
    this.#reject = reject;
    try {
      const { observer, lookout } = this.#runs;
      this.#id = observer.startRun(this.#job, this.#startNative, lookout);
    } catch (error) {
      this.end();
      throw error;
    }
  };

  constructor(runs: SmallRuns, bind: Bind, inputs: Slot[], outputs: Slot[]) {
    this.#runs = runs;
    try {
      this.#bound = bind(this.#acquire(inputs, this.inputs), this.#acquire(outputs, this.outputs));
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  #acquire(slots: readonly Slot[], views: NumericData[]): NativeTensors {
    const encoded: NativeTensors = [];
    for (const [index, slot] of slots.entries()) {
      const tensor = acquireFrom(poolOfKept(), slot.type, slot.dims);
      const view = bitsOf(dataOf(tensor) as NumericData, slot);
      this.#tensors.push(tensor);
      views.push(view);
      encoded.push(index, slot.type.code, [...slot.dims], view, memoryKind.private);
    }
    return encoded;
  }

  /**
   * Runs once, asynchronously, and goes back to where it came from.
   *
   * @param abortable - the run may be abandoned, so it needs an object of its own
   */
  run(abortable = false): StartedJob & { result: Promise<object> } {
    const job = abortable ? new OneRun(this) : this;
    this.#job = job;
    this.#id = -1;
    const result = new Promise(this.#start);
    return { id: this.#id, job, result };
  }

  /** The same on the calling thread. */
  runSync(): object {
    try {
      return this.#take(
        runChannel.hasSubscribers
          ? this.#runs.observer.runSync(() => this.#bound.runSync?.())
          : this.#bound.runSync?.(),
      );
    } finally {
      this.end();
    }
  }

  /** @param values - what the model made, if that is not what it declares */
  #take(values: readonly NativeValue[] | undefined): object {
    if (values === undefined) return this.#runs.results(this);
    // It may do so again, and the ordinary way does not run twice to find out.
    this.#runs.close();
    return this.#runs.decode(this, values);
  }

  succeed(values: unknown): void {
    this.#resolve?.(this.#take(values as NativeValue[] | undefined));
  }

  fail(error: unknown): void {
    this.#reject?.(error);
  }

  end(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
    this.requested = undefined;
    this.pool = undefined;
    this.#runs.giveBack(this);
  }

  /** Gives the memory back; the binding must not be run any more. */
  dispose(): void {
    for (const tensor of this.#tensors) tensor.dispose();
  }
}

/**
 * The quick way for models whose inputs and outputs are few bytes of known
 * shapes: feeds are copied into, and results out of, a binding that is kept,
 * which costs less than describing tensors to the runtime for each run. Feeds
 * that are not exactly what the model declares take the ordinary way, which
 * also has the error messages; so do all runs of a model once it has made other
 * shapes than it declares, or has given an input back instead of writing a result.
 */
export class SmallRuns {
  readonly lookout = new Lookout();
  readonly observer: RunObserver;
  readonly #bind: Bind;
  readonly #inputs: Slot[];
  readonly #outputs: Slot[];
  /** Linked: a run's end must not need Array.prototype, as nobody would catch what it throws. */
  #free: SmallRun | undefined;
  #freeCount = 0;
  #closed = false;

  /** Undefined if the signature's shapes are not all known, or too large together. */
  static for(
    session: NativeSession,
    plan: SignaturePlan,
    observer: RunObserver,
  ): SmallRuns | undefined {
    return SmallRuns.#of(plan, undefined, observer, (inputs, outputs) => {
      const binding = session.bind(plan.index);
      binding.setInputs(inputs);
      binding.setOutputs(outputs, true);
      return binding;
    });
  }

  /** The same for runs of so many rows of a session that batches: asynchronous ones only. */
  static ofRows(
    session: NativeSession,
    plan: SignaturePlan,
    rows: number,
    observer: RunObserver,
  ): SmallRuns | undefined {
    const bind: Bind = (inputs, outputs) => session.bindRows(inputs, outputs);
    return SmallRuns.#of(plan, rows, observer, bind);
  }

  static #of(
    plan: SignaturePlan,
    rows: number | undefined,
    observer: RunObserver,
    bind: Bind,
  ): SmallRuns | undefined {
    if (plan.inputs.some((input) => input.overridableInitializer)) return undefined;
    const inputs = fixedSlots(plan.inputs, rows);
    const outputs = fixedSlots(plan.outputs, rows);
    if (inputs === undefined || outputs === undefined || outputs.length === 0) return undefined;
    let bytes = 0;
    for (const { byteLength } of [...inputs, ...outputs]) bytes += byteLength;
    return bytes <= maxBytes ? new SmallRuns(observer, bind, inputs, outputs) : undefined;
  }

  private constructor(observer: RunObserver, bind: Bind, inputs: Slot[], outputs: Slot[]) {
    this.observer = observer;
    this.#bind = bind;
    this.#inputs = inputs;
    this.#outputs = outputs;
  }

  /**
   * A run with the feeds copied in; undefined if it needs the ordinary way. Run it once.
   * A getter of the feeds may do anything, so no run is taken before all were read.
   *
   * @param requested - which outputs, by default every one as a new tensor
   * @param pool - where those come from
   * @throws OnliteError ERR_BUSY if a run in flight uses a pooled tensor
   */
  prepare(feeds: unknown, requested?: RequestedOutputs, pool?: TensorPool): SmallRun | undefined {
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

  /** Undefined where the ordinary way can do what cannot be bound, or has the better error. */
  #make(): SmallRun | undefined {
    try {
      return new SmallRun(this, this.#bind, this.#inputs, this.#outputs);
    } catch (error) {
      const isMomentary =
        error instanceof OnliteError &&
        (error.code === 'ERR_POOL_EXHAUSTED' || error.code === 'ERR_OUT_OF_MEMORY');
      if (!isMomentary) this.close();
      return undefined;
    }
  }

  /** False if some data is not any more what it was when it was read. */
  #copyIn(run: SmallRun, datas: readonly NumericData[]): boolean {
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
    for (let place = 0; place < indexes.length; place++) {
      const slot = this.#outputs[indexes[place] ?? -1];
      const tensor = tensors[place];
      if (slot === undefined) return false;
      if (tensor === null) continue;
      const data = matchingData(tensor, slot);
      if (data === undefined || blockOf(tensor as Tensor) !== undefined) return false;
      if (!isApart(data, others)) return false;
      if (place + 1 < indexes.length) others = [...others, data];
    }
    return true;
  }

  /** The results of a run, copied out. */
  results(run: SmallRun): Record<string, unknown> {
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
    return this.#place(run, (slot, given, index) => declared(slot, given, run, index));
  }

  /** The results of a run that are not as the model declares; null for those that are. */
  decode(run: SmallRun, values: readonly NativeValue[]): Record<string, unknown> {
    return this.#place(run, (slot, given, index) => {
      const value = values[index] ?? null;
      return value === null
        ? declared(slot, given, run, index)
        : placeValue(slot.name, value, given, run.pool);
    });
  }

  #place(
    { requested, pool }: SmallRun,
    make: (slot: Slot, given: unknown, index: number) => unknown,
  ): Record<string, unknown> {
    const count = requested?.indexes.length ?? this.#outputs.length;
    const result: Record<string, unknown> = {};
    const made: unknown[] = [];
    try {
      for (let place = 0; place < count; place++) {
        const index = requested?.indexes[place] ?? place;
        const slot = this.#outputs[index];
        if (slot === undefined) continue;
        const given = requested?.tensors?.[place] ?? null;
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
  giveBack(run: SmallRun): void {
    if (this.#closed || this.#freeCount >= maxKept) {
      run.dispose();
      return;
    }
    run.next = this.#free;
    this.#free = run;
    this.#freeCount++;
  }

  #takeFree(): SmallRun | undefined {
    const run = this.#free;
    if (run === undefined) return undefined;
    this.#free = run.next;
    this.#freeCount--;
    run.next = undefined;
    return run;
  }

  /** No further run: the session is released, or goes the ordinary way. Gives the memory back. */
  close(): void {
    this.#closed = true;
    for (let run = this.#takeFree(); run !== undefined; run = this.#takeFree()) run.dispose();
  }
}

/** The small runs of a session that batches, by their rows. */
export class SmallRows {
  readonly #session: NativeSession;
  readonly #plan: SignaturePlan;
  readonly #maxRows: number;
  readonly #observer: RunObserver;
  readonly #byRows = new Map<number, SmallRuns | undefined>();

  constructor(session: NativeSession, plan: SignaturePlan, maxRows: number, observer: RunObserver) {
    this.#observer = observer;
    this.#session = session;
    this.#plan = plan;
    this.#maxRows = maxRows;
  }

  /** As {@link SmallRuns.prepare}. */
  prepare(feeds: unknown, requested?: RequestedOutputs, pool?: TensorPool): SmallRun | undefined {
    const rows = rowsOf(feeds, this.#plan);
    return rows === undefined ? undefined : this.#ofRows(rows)?.prepare(feeds, requested, pool);
  }

  #ofRows(rows: number): SmallRuns | undefined {
    if (this.#byRows.has(rows)) return this.#byRows.get(rows);
    if (rows > this.#maxRows || this.#byRows.size >= maxKept) return undefined;
    const runs = SmallRuns.ofRows(this.#session, this.#plan, rows, this.#observer);
    this.#byRows.set(rows, runs);
    return runs;
  }

  /** As {@link SmallRuns.close}. */
  close(): void {
    for (const runs of this.#byRows.values()) runs?.close();
  }
}

/** A result in the kept memory, where the caller wants it. */
function declared(slot: Slot, given: unknown, { outputs, pool }: SmallRun, index: number): Tensor {
  const view = outputs[index];
  if (view === undefined) throw new RangeError('outputs: index');
  if (given !== null) return fill(slot, given as Tensor, view);
  if (pool === undefined) return Tensor.fromTrusted(slot.type, copyOf(view, slot), [...slot.dims]);
  const tensor = acquireFrom(pool, slot.type, slot.dims);
  bitsOf(dataOf(tensor) as NumericData, slot).set(view as never);
  return tensor;
}

/** Writes a result into a tensor of the caller's that was exactly as declared before the run. */
function fill(slot: Slot, given: Tensor, view: NumericData): Tensor {
  const data = matchingData(given, slot);
  if (data !== undefined) {
    bitsOf(data, slot).set(view as never);
    return given;
  }
  // For the error that says what became of it.
  fillFetch(slot.name, given, {
    type: slot.type,
    dims: slot.dims,
    byteLength: view.byteLength,
    copyTo: (array) => {
      array.set(view as never);
    },
  });
  return given;
}

/** The first dimension of the first input. */
function rowsOf(feeds: unknown, { inputs }: SignaturePlan): number | undefined {
  const name = inputs[0]?.name;
  if (typeof feeds !== 'object' || feeds === null || name === undefined) return undefined;
  const tensor = (feeds as Record<string, unknown>)[name];
  const rows = isTensor(tensor) ? tensor.dims[0] : undefined;
  return rows !== undefined && Number.isSafeInteger(rows) && rows > 0 ? rows : undefined;
}
