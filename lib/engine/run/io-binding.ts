import { abortable, throwIfAborted } from './abort';
import { checkArray, setOwn } from '../../checks';
import { elementTypeOfCode, maxRank, type ElementType } from '../tensor/element-type';
import { OnliteError, invalidArgument } from '../../errors';
import { encodeTensor, type TensorLike } from './feeds';
import { OneRun, deliverInline, mayRunInline, type Job } from '../addon/jobs';
import { BoundLeases } from './leases';
import type { NativeBinding, NativeTensors, NativeValue, NativeValueInfo } from '../addon/native';
import { release, retain } from '../tensor/pool/lease';
import { runChannel, type RunObserver } from './run-channel';
import { checkRunOptions, type RunOptions } from './run-options';
import { encodeOutput, type SignaturePlan } from './signature-plan';
import { isTensor, type Tensor } from '../tensor/tensor';
import { decodeValue } from '../tensor/values';

/** What {@link InferenceSession.bind} binds. */
export interface BindOptions {
  /** Tensors to read, by name. */
  inputs?: Readonly<Record<string, TensorLike>>;
  /**
   * Tensors to write, by name; `'dynamic'` has the runtime allocate a new one
   * at each run, for outputs whose shape is not known before.
   */
  outputs?: Readonly<Record<string, TensorLike | 'dynamic'>>;
  /**
   * Dynamic dimensions of the tensors that are left out above: sizes by symbolic
   * name, or whole shapes by tensor name.
   */
  dims?: Readonly<Record<string, number | readonly number[]>>;
  /** The signature whose inputs and outputs these are (TensorFlow Lite). */
  signature?: string;
}

/** The keys of {@link BindOptions}. */
export const bindKeys: ReadonlySet<string> = new Set<keyof BindOptions>([
  'inputs',
  'outputs',
  'dims',
  'signature',
]);

/** Bound tensors by name. */
export type Tensors = Readonly<Record<string, Tensor>>;

/** Where a binding's own tensors come from and go to. */
export interface TensorSource {
  acquire(type: Exclude<ElementType, 'string'>, dims: readonly number[]): Tensor;
}

/**
 * A session's inputs and outputs bound to tensors once, to run many times
 * without copying or allocating. Write into `inputs.name.data`, run, read
 * `outputs.name.data`. One run of a binding is in flight at a time; several
 * bindings of one session run side by side.
 *
 * @typeParam Inputs - the inputs by name, e.g. `{x: Tensor<'float32'>}`
 * @typeParam Outputs - the outputs by name
 */
export class IoBinding<
  Inputs extends Tensors = Record<string, Tensor>,
  Outputs extends Tensors = Record<string, Tensor>,
> {
  readonly #native: NativeBinding;
  readonly #runNative: NativeBinding['runSync'];
  readonly #plan: SignaturePlan;
  readonly #observer: RunObserver;
  readonly #dynamic: string[] = [];
  readonly #inputs: Record<string, Tensor> = {};
  readonly #outputs: Record<string, Tensor> = {};
  /** Bound inputs of strings, which have no memory that native code could read: read for each run. */
  #strings: Map<number, TensorLike> | undefined;
  /** Tensors that were left out, and so are ours to give back. */
  readonly #own = new Set<Tensor>();
  readonly #leases = new BoundLeases();
  readonly #job = new BindingJob(
    () => {
      this.#leases.end();
      if (this.#disposed) this.#giveBack();
    },
    (values) => {
      this.#takeDynamic(values);
    },
  );
  #disposed = false;
  readonly #startNative = (id: number): void => {
    this.#native.run(id);
  };
  readonly #start = (resolve: () => void, reject: (error: unknown) => void): void => {
    this.#startJob(resolve, reject);
  };

  /** Use {@link InferenceSession.bind}. @internal */
  constructor(
    native: NativeBinding,
    plan: SignaturePlan,
    options: BindOptions,
    source: TensorSource,
    observer: RunObserver,
  ) {
    this.#native = native;
    this.#observer = observer;
    this.#runNative = native.runSync;
    this.#plan = plan;
    try {
      this.#bindAll(options, source);
    } catch (error) {
      this.dispose();
      throw error;
    }
  }

  /** The bound inputs by name. */
  get inputs(): Readonly<Inputs> {
    return this.#inputs as Inputs;
  }

  /** The bound outputs by name; a dynamic one is there after the first run. */
  get outputs(): Readonly<Outputs> {
    return this.#outputs as Outputs;
  }

  /**
   * Runs on the calling thread, in place.
   *
   * @throws OnliteError as InferenceSession.runSync; ERR_BUSY while this binding's
   *   own asynchronous run is in flight, or another run in flight writes one of
   *   its pooled tensors or reads one of its pooled outputs; ERR_BUFFER_DETACHED
   *   if a bound buffer was detached or resized.
   */
  runSync(): void {
    this.#requireUndisposed();
    if (this.#strings !== undefined) this.#readStrings(this.#strings);
    this.#leases.requireAccess();
    const dynamic = runChannel.hasSubscribers
      ? this.#observer.runSync(() => this.#runNative())
      : this.#runNative();
    if (dynamic !== undefined) this.#takeDynamic(dynamic);
  }

  /**
   * Runs on a thread of its own. Pooled tensors are used in place and must be
   * left alone until the promise settles; others are copied in and out.
   *
   * @throws OnliteError ERR_BUSY as {@link IoBinding.runSync}.
   */
  run(options?: RunOptions): Promise<void> {
    if (options !== undefined) return this.#runWith(options);
    return this.#runInline() ?? new Promise(this.#start);
  }

  /** Undefined, and nothing has happened, if a thread is to make the run. */
  #runInline(): Promise<void> | undefined {
    if (this.#disposed || this.#strings !== undefined) return undefined;
    if (!mayRunInline() || runChannel.hasSubscribers) return undefined;
    try {
      this.#leases.requireAccess();
      if (this.#runNative(true) === false) return undefined;
      return deliverInline(undefined, this.#observer.inlineMicroseconds);
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it was thrown
      return Promise.reject(error);
    }
  }

  async #runWith(options: RunOptions): Promise<void> {
    const checked = checkRunOptions(options);
    if (
      checked.signature !== undefined ||
      checked.native !== undefined ||
      checked.pool !== undefined
    ) {
      throw invalidArgument('options', 'only signal and timeoutMs in a bound run', options);
    }
    this.#requireUndisposed();
    throwIfAborted(checked.signal);
    const job = new OneRun(this.#job);
    let id = -1;
    const result = new Promise<void>((resolve, reject) => {
      id = this.#startJob(resolve, reject, job);
    });
    await abortable({ id, job, result }, checked);
  }

  #startJob(resolve: () => void, reject: (error: unknown) => void, started?: Job): number {
    this.#requireUndisposed();
    const job = this.#job;
    this.#requireIdle();
    if (this.#strings !== undefined) this.#readStrings(this.#strings);
    job.resolve = resolve;
    job.reject = reject;
    this.#leases.begin();
    try {
      const id = this.#observer.startRun(started ?? job, this.#startNative);
      job.running = true;
      return id;
    } catch (error) {
      this.#leases.end();
      throw error;
    }
  }

  /** Binds another tensor to an input. @throws OnliteError as for a feed; ERR_BUSY during a run. */
  setInput(name: string, tensor: TensorLike): void {
    const index = indexOf(this.#plan.inputIndex, name, 'inputs');
    this.#set(index, `inputs.${name}`, tensor, this.#inputs, name);
  }

  /** Binds another tensor to an output. @throws OnliteError as {@link IoBinding.setInput}. */
  setOutput(name: string, tensor: TensorLike): void {
    const index = indexOf(this.#plan.outputIndex, name, 'outputs');
    this.#set(index, `outputs.${name}`, tensor, this.#outputs, name);
    const place = this.#dynamic.indexOf(name);
    if (place >= 0) this.#dynamic.splice(place, 1);
  }

  /**
   * Gives the tensors that were taken from the pool back, after the run in
   * flight if there is one. The binding cannot be run any more. May be called twice.
   */
  dispose(): void {
    this.#disposed = true;
    if (!this.#job.running) this.#giveBack();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #giveBack(): void {
    for (const tensor of this.#own) tensor.dispose();
    this.#own.clear();
    this.#leases.release();
  }

  #set(
    index: number,
    path: string,
    tensor: TensorLike,
    record: Record<string, Tensor>,
    name: string,
  ): void {
    this.#requireUndisposed();
    if (record === this.#inputs) requireBindable(this.#plan.inputs[index]);
    const encoded: NativeTensors = [];
    encodeTensor(encoded, index, tensor, path);
    // A getter may have run the program's code.
    this.#requireUndisposed();
    // Also while the run's end is only known to the native side.
    this.#requireIdle();
    const lease = retain(tensor);
    try {
      if (record === this.#inputs) this.#native.setInputs(encoded);
      else this.#native.setOutputs(encoded);
    } catch (error) {
      if (lease !== undefined) release(lease);
      throw error;
    }
    this.#leases.set(path, record !== this.#inputs, lease);
    if (record === this.#inputs) this.#noteStrings(index, tensor);
    const previous = own(record, name);
    if (previous !== undefined && this.#own.delete(previous)) previous.dispose();
    setOwn<unknown>(record, name, tensor);
  }

  #noteStrings(index: number, tensor: TensorLike): void {
    if (tensor.type === 'string') (this.#strings ??= new Map()).set(index, tensor);
    else this.#strings?.delete(index);
  }

  #readStrings(tensors: ReadonlyMap<number, TensorLike>): void {
    const encoded: NativeTensors = [];
    for (const [index, tensor] of tensors) {
      encodeTensor(encoded, index, tensor, `inputs.${this.#plan.inputs[index]?.name}`);
    }
    // A getter may have run the program's code.
    this.#requireUndisposed();
    this.#requireIdle();
    this.#native.setInputs(encoded);
  }

  #requireIdle(): void {
    if (!this.#job.running) return;
    throw new OnliteError('ERR_BUSY', "the binding's own run is in flight");
  }

  #requireUndisposed(): void {
    if (!this.#disposed) return;
    throw new OnliteError('ERR_TENSOR_DISPOSED', 'the binding was disposed');
  }

  #bindAll({ inputs = {}, outputs = {}, dims = {} }: BindOptions, source: TensorSource): void {
    for (const [list, record] of Object.entries({ inputs, outputs, dims })) {
      requireRecord(record, `options.${list}`);
    }
    checkNames(inputs, this.#plan.inputIndex, 'inputs');
    checkNames(outputs, this.#plan.outputIndex, 'outputs');
    const acquire = (info: NativeValueInfo): Tensor | undefined => {
      const shape = resolveShape(info, dims);
      const type = elementTypeOfCode(info.type);
      if (shape === undefined || type?.array === undefined) return undefined;
      const tensor = source.acquire(type.name as Exclude<ElementType, 'string'>, shape);
      this.#own.add(tensor);
      return tensor;
    };
    for (const info of this.#plan.inputs) {
      requireBindable(info);
      const tensor = own(inputs, info.name) ?? (info.optional ? undefined : acquire(info));
      if (tensor !== undefined) this.setInput(info.name, tensor);
      else if (!info.optional) throw unknownShape(info);
    }
    // Declared shapes are those for inputs as they are declared.
    const isResized = this.#plan.inputs.some((info) =>
      isOtherShape(own(this.#inputs, info.name), info),
    );
    for (const [index, info] of this.#plan.outputs.entries()) {
      const given = own(outputs, info.name);
      const isUnknown = isResized && own(dims, info.name) === undefined;
      const left = isUnknown ? undefined : acquire;
      const tensor = given === 'dynamic' ? undefined : (given ?? left?.(info));
      if (tensor === undefined || !this.#canBind(info.name, tensor)) {
        this.#native.setOutputs(encodeOutput(index));
        this.#dynamic.push(info.name);
      }
    }
  }

  /** Binds an output; false for memory of our own where the model gives an input back instead. */
  #canBind(name: string, tensor: TensorLike): boolean {
    try {
      this.setOutput(name, tensor);
      return true;
    } catch (error) {
      const isUnwritten = error instanceof OnliteError && error.code === 'ERR_UNSUPPORTED';
      if (!isUnwritten || !isTensor(tensor) || !this.#own.delete(tensor)) throw error;
      tensor.dispose();
      return false;
    }
  }

  #takeDynamic(values: NativeValue[]): void {
    for (const [place, name] of this.#dynamic.entries()) {
      setOwn(this.#outputs, name, decodeValue(values[place] ?? null) as Tensor);
    }
  }
}

/** A binding's asynchronous runs: one object for all, as one is in flight at a time. */
class BindingJob implements Job {
  running = false;
  resolve: (() => void) | undefined;
  reject: ((error: unknown) => void) | undefined;
  readonly #ended: () => void;
  readonly #takeDynamic: (values: NativeValue[]) => void;

  /** The functions keep the binding, and with it the bound memory, until a run has ended. */
  constructor(ended: () => void, takeDynamic: (values: NativeValue[]) => void) {
    this.#ended = ended;
    this.#takeDynamic = takeDynamic;
  }

  succeed(values: unknown): void {
    if (values !== undefined) this.#takeDynamic(values as NativeValue[]);
    this.resolve?.();
  }

  fail(error: unknown): void {
    this.reject?.(error);
  }

  end(): void {
    this.running = false;
    this.#ended();
  }
}

function own<Value>(record: Readonly<Record<string, Value>>, name: string): Value | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined;
}

/** Whether a fixed dim has another size in an input than the model declares. */
function isOtherShape(tensor: Tensor | undefined, { dims }: NativeValueInfo): boolean {
  if (tensor === undefined) return false;
  return dims.some((dim, axis) => dim >= 0 && dim !== tensor.dims[axis]);
}

function requireRecord(record: unknown, path: string): void {
  if (typeof record === 'object' && record !== null && !Array.isArray(record)) return;
  throw invalidArgument(path, 'an object by name', record);
}

function checkNames(record: object, index: ReadonlyMap<string, number>, list: string): void {
  for (const name of Object.keys(record)) indexOf(index, name, list);
}

function indexOf(index: ReadonlyMap<string, number>, name: string, list: string): number {
  const found = index.get(name);
  if (found === undefined) {
    throw invalidArgument(list, `one of ${[...index.keys()].join(', ')}`, name);
  }
  return found;
}

/** A value's shape with its dynamic dims filled in; undefined if some are not known. */
function resolveShape(
  info: NativeValueInfo,
  dims: Readonly<Record<string, number | readonly number[]>>,
): number[] | undefined {
  const whole = own(dims, info.name);
  if (Array.isArray(whole))
    return checkArray(whole, `options.dims.${info.name}`, maxRank) as number[];
  if (info.unknownRank) return undefined;
  const shape: number[] = [];
  for (const [axis, dim] of info.dims.entries()) {
    const symbol = info.symbols[axis] ?? '';
    const size = dim >= 0 ? dim : symbol === '' ? undefined : own(dims, symbol);
    if (typeof size !== 'number') return undefined;
    shape.push(size);
  }
  return shape;
}

function requireBindable(info: NativeValueInfo | undefined): void {
  if (info?.kind !== 'sequence' || info.optional) return;
  throw new OnliteError(
    'ERR_UNSUPPORTED',
    `inputs.${info.name}: a sequence cannot be bound, only tensors can; use run or runSync`,
  );
}

function unknownShape(info: NativeValueInfo): OnliteError {
  const symbols = info.symbols.filter((symbol) => symbol !== '').join(', ');
  return new OnliteError(
    'ERR_INVALID_ARGUMENT',
    `inputs.${info.name}: expected a tensor, or its shape in dims` +
      (symbols === '' ? ` as {'${info.name}': […]}` : ` (${symbols})`),
  );
}
