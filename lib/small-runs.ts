import { elementTypeOfCode, type ElementTypeInfo, type NumericData } from './element-type';
import type { Job } from './jobs';
import type {
  NativeBinding,
  NativeSession,
  NativeTensors,
  NativeValue,
  NativeValueInfo,
} from './native';
import { runChannel, type RunObserver } from './run-channel';
import type { SignaturePlan } from './signature-plan';
import { TensorPool } from './pool/tensor-pool';
import { Tensor, dataOf, isTensor } from './tensor';
import { decodeValue } from './values';

/** Up to so many bytes of inputs and outputs, copying costs less than binding anew. */
const maxBytes = 64 << 10;

/** Bindings that a session keeps for further runs. */
const maxKept = 64;

interface Slot {
  readonly name: string;
  readonly type: ElementTypeInfo;
  readonly dims: readonly number[];
  readonly length: number;
}

let sharedPool: TensorPool | undefined;

/** The default pool, if there was need of it. */
export function defaultPoolIfMade(): TensorPool | undefined {
  return sharedPool;
}

/** The pool of everything that no caller chose a pool for. */
export function defaultPool(): TensorPool {
  sharedPool ??= new TensorPool();
  return sharedPool;
}

/** What runs over memory that it is given once. */
interface Bound {
  run(id: number): void;
  /** Not where runs are batched. */
  runSync?: NativeBinding['runSync'];
}

type Bind = (inputs: NativeTensors, outputs: NativeTensors) => Bound;

/** Memory of its own, for one run at a time. */
class SmallRun implements Job {
  readonly #bound: Bound;
  readonly inputs: NumericData[] = [];
  readonly outputs: NumericData[] = [];
  /** Kept alive: the bound memory is theirs. */
  readonly #tensors: Tensor[] = [];

  readonly #runs: SmallRuns;
  #resolve: ((result: object) => void) | undefined;
  #reject: ((error: unknown) => void) | undefined;
  readonly #startNative = (id: number): void => {
    this.#bound.run(id);
  };
  readonly #start = (resolve: (result: object) => void, reject: (error: unknown) => void): void => {
    this.#resolve = resolve;
    this.#reject = reject;
    try {
      this.#runs.observer.startJob(this, this.#startNative);
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
      const tensor = defaultPool().acquire(slot.type.name as 'float32', slot.dims);
      const view = dataOf(tensor) as NumericData;
      this.#tensors.push(tensor);
      views.push(view);
      encoded.push(index, slot.type.code, [...slot.dims], view, true);
    }
    return encoded;
  }

  /** Runs once, asynchronously, and goes back to where it came from. */
  run(): Promise<object> {
    return new Promise(this.#start);
  }

  /** The same on the calling thread. */
  runSync(): object {
    try {
      if (runChannel.hasSubscribers) this.#runs.observer.runSync(() => this.#bound.runSync?.());
      else this.#bound.runSync?.();
      return this.#runs.results(this);
    } finally {
      this.end();
    }
  }

  succeed(values: unknown): void {
    this.#resolve?.(
      values === undefined ? this.#runs.results(this) : this.#runs.decode(values as NativeValue[]),
    );
  }

  fail(error: unknown): void {
    this.#reject?.(error);
  }

  end(): void {
    this.#resolve = undefined;
    this.#reject = undefined;
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
 * also has the error messages.
 */
export class SmallRuns {
  readonly observer: RunObserver;
  readonly #bind: Bind;
  readonly #inputs: Slot[];
  readonly #outputs: Slot[];
  #free: SmallRun[] = [];
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
      binding.setOutputs(outputs);
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
    for (const { type, length } of [...inputs, ...outputs]) {
      bytes += length * (type.array?.BYTES_PER_ELEMENT ?? 0);
    }
    return bytes <= maxBytes ? new SmallRuns(observer, bind, inputs, outputs) : undefined;
  }

  private constructor(observer: RunObserver, bind: Bind, inputs: Slot[], outputs: Slot[]) {
    this.observer = observer;
    this.#bind = bind;
    this.#inputs = inputs;
    this.#outputs = outputs;
  }

  /** A run with the feeds copied in; undefined if they need the ordinary way. Run it once. */
  prepare(feeds: unknown): SmallRun | undefined {
    if (typeof feeds !== 'object' || feeds === null) return undefined;
    const inputs = this.#inputs;
    if (Object.keys(feeds).length !== inputs.length) return undefined;
    const datas: NumericData[] = [];
    for (const slot of inputs) {
      const data = matchingData((feeds as Record<string, unknown>)[slot.name], slot);
      if (data === undefined || !Object.hasOwn(feeds, slot.name)) return undefined;
      datas.push(data);
    }
    const run = this.#free.pop() ?? new SmallRun(this, this.#bind, inputs, this.#outputs);
    for (let index = 0; index < datas.length; index++) {
      run.inputs[index]?.set(datas[index] as never);
    }
    return run;
  }

  /** The results of a run, copied out. */
  results(run: SmallRun): Record<string, Tensor> {
    const result: Record<string, Tensor> = {};
    for (const [index, slot] of this.#outputs.entries()) {
      const data = run.outputs[index]?.slice();
      if (data !== undefined) {
        result[slot.name] = Tensor.fromTrusted(slot.type, data, [...slot.dims]);
      }
    }
    return result;
  }

  /** The results of a run that are not as the model declares. */
  decode(values: readonly NativeValue[]): Record<string, unknown> {
    const result: Record<string, unknown> = {};
    for (const [index, slot] of this.#outputs.entries()) {
      result[slot.name] = decodeValue(values[index] ?? null);
    }
    return result;
  }

  /** Gives a run back for the next. */
  giveBack(run: SmallRun): void {
    if (this.#closed || this.#free.length >= maxKept) run.dispose();
    else this.#free.push(run);
  }

  /** The session is released: gives the memory back. */
  close(): void {
    this.#closed = true;
    for (const run of this.#free) run.dispose();
    this.#free = [];
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
  prepare(feeds: unknown): SmallRun | undefined {
    const rows = rowsOf(feeds, this.#plan);
    return rows === undefined ? undefined : this.#ofRows(rows)?.prepare(feeds);
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

/** The first dimension of the first input. */
function rowsOf(feeds: unknown, { inputs }: SignaturePlan): number | undefined {
  const name = inputs[0]?.name;
  if (typeof feeds !== 'object' || feeds === null || name === undefined) return undefined;
  const tensor = (feeds as Record<string, unknown>)[name];
  const rows = isTensor(tensor) ? tensor.dims[0] : undefined;
  return rows !== undefined && Number.isSafeInteger(rows) && rows > 0 ? rows : undefined;
}

/** With `rows` as first dimension, if given. Undefined if a shape or length is not known. */
function fixedSlots(
  values: readonly NativeValueInfo[],
  rows: number | undefined,
): Slot[] | undefined {
  const slots: Slot[] = [];
  for (const value of values) {
    const type = elementTypeOfCode(value.type);
    const dims = rows === undefined ? value.dims : [rows, ...value.dims.slice(1)];
    const isFixed = !value.unknownRank && dims.every((dim) => dim >= 0);
    // Packed types may have padding bits, and __proto__ needs care as a key.
    if (!isFixed || value.optional || type?.array === undefined || type.bits < 8) return undefined;
    if (value.name === '__proto__') return undefined;
    let size = 1;
    for (const dim of dims) size *= dim;
    const length = (size * type.bits) / (8 * type.array.BYTES_PER_ELEMENT);
    slots.push({ name: value.name, type, dims, length });
  }
  return slots;
}

/** The data of one of our own tensors that is exactly what the model declares. */
function matchingData(value: unknown, slot: Slot): NumericData | undefined {
  if (!isTensor(value) || value.type !== slot.type.name) return undefined;
  const { dims } = value;
  if (dims.length !== slot.dims.length) return undefined;
  for (let axis = 0; axis < dims.length; axis++) {
    if (dims[axis] !== slot.dims[axis]) return undefined;
  }
  const data = dataOf(value) as NumericData | undefined;
  // A detached or resized buffer has another length.
  return data?.length === slot.length ? data : undefined;
}
