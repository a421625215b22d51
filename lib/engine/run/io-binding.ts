import { abortable } from './abort';
import { throwIfAborted } from '../../abort';
import { setOwn } from '../../checks';
import {
  checkNames,
  indexOf,
  isOtherShape,
  own,
  requireBindable,
  requireRecord,
  resolveShape,
  unknownShape,
  type BindOptions,
  type Tensors,
} from './bind-options';
import { BindingJob } from './binding-job';
import { BoundArrays, ordinaryArray } from './bound-arrays';
import {
  KeptState,
  clearElements,
  copyElements,
  copyOfTensor,
  parseCarry,
  requireSameDims,
  type Carried,
} from './carry';
import { elementTypeOfCode } from '../tensor/element-type';
import { isDeviceLocation, requireOnDevice } from './device-tensor';
import { OnliteError, invalidArgument } from '../../errors';
import { encodeTensor, type TensorLike } from './feeds';
import { JobForOneRun, type Job } from '../addon/jobs';
import { BindingLeases, requireAccess } from './leases';
import {
  runWay,
  type NativeBinding,
  type NativeTensors,
  type NativeValue,
  type NativeValueInfo,
} from '../addon/native';
import type { Resolve } from '../addon/rejection';
import { defaultPool } from './own-pools';
import { OwnTensors } from './own-tensors';
import { release, retain } from '../tensor/pool/lease';
import { runChannel, type RunObserver } from './run-channel';
import { checkBoundRunOptions, type RunOptions } from './run-options';
import { encodeOutput, type SignaturePlan } from './signature-plan';
import { isTensor, type Tensor } from '../tensor/tensor';
import { decodeValue } from '../tensor/values';

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
  #carried: readonly Carried[] = [];
  /** Those whose outputs have been written and not become inputs yet. */
  #due: readonly Carried[] = [];
  /** Those of them that stay in the runtime's memory. */
  #kept: KeptState | undefined;
  readonly #own: OwnTensors;
  readonly #leases = new BindingLeases();
  readonly #arrays = new BoundArrays();
  readonly #job = new BindingJob(
    () => {
      this.#leases.end();
      if (this.#disposed) this.#giveBack();
    },
    (values) => {
      this.#taken(values);
    },
  );
  #disposed = false;
  readonly #startNative = (id: number): void => {
    this.#native.run(id);
  };
  readonly #start = (resolve: Resolve<void>): void => {
    this.#startJob(resolve);
  };

  /** Use {@link InferenceSession.bind}. @internal */
  constructor(
    native: NativeBinding,
    plan: SignaturePlan,
    options: BindOptions,
    observer: RunObserver,
  ) {
    this.#native = native;
    this.#observer = observer;
    this.#runNative = native.runSync;
    this.#plan = plan;
    this.#own = new OwnTensors(options.pool ?? defaultPool());
    try {
      this.#bindAll(options);
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
    this.#beforeRun();
    this.#leases.requireAccess();
    const dynamic = runChannel.hasSubscribers
      ? this.#observer.runSync(() => this.#runNative())
      : this.#arrays.areAttached()
        ? this.#runNative(runWay.syncAttached)
        : this.#runNative();
    this.#taken(dynamic);
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
    if (!this.#observer.mayRunInline) return undefined;
    try {
      this.#beforeRun();
      this.#leases.requireAccess();
      const isAttached = this.#arrays.areAttached();
      const dynamic = this.#runNative(isAttached ? runWay.inlineAttached : runWay.inline);
      if (dynamic === false) return undefined;
      this.#taken(dynamic);
      return this.#observer.deliverInline(undefined);
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it was thrown
      return Promise.reject(error);
    }
  }

  async #runWith(options: RunOptions): Promise<void> {
    const checked = checkBoundRunOptions(options);
    this.#requireUndisposed();
    throwIfAborted(checked.signal);
    const job = new JobForOneRun(this.#job);
    let id = -1;
    const result = new Promise<void>((resolve) => {
      id = this.#startJob(resolve, job);
    });
    await abortable({ id, job, result }, checked);
  }

  #startJob(resolve: Resolve<void>, started?: Job): number {
    this.#requireUndisposed();
    const job = this.#job;
    this.#requireIdle();
    this.#beforeRun();
    job.resolve = resolve;
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

  /**
   * Puts the inputs of `carry` back to what they were bound to at first, before the next run.
   *
   * @throws OnliteError ERR_BUSY while a run is in flight
   */
  resetCarry(): void {
    this.#requireUndisposed();
    this.#requireIdle();
    this.#due = [];
    for (const { input, output, initial } of this.#carried) {
      if (initial === undefined) continue;
      if (!this.#changesPlaces(output)) {
        this.setInput(input, copyOfTensor(initial));
        continue;
      }
      const tensor = own(this.#inputs, input);
      if (tensor !== undefined && this.#own.has(tensor)) {
        requireAccess(tensor, true, `inputs.${input}`);
        copyElements(initial, tensor);
      } else this.#bindState(input, initial);
    }
  }

  /** Whether an output of `carry` and its input exchange their memory. */
  #changesPlaces(output: string): boolean {
    return this.#kept?.has(output) !== true && !this.#dynamic.includes(output);
  }

  /**
   * Has an input of `carry` read memory of ours: later runs write there, and what the program
   * gave may be bound to other inputs and bindings too.
   */
  #bindState(input: string, state: Tensor): void {
    const copy = this.#own.acquire(state.type, state.dims);
    try {
      copyElements(state, copy);
      const index = indexOf(this.#plan.inputIndex, input, 'inputs');
      this.#set(index, `inputs.${input}`, copy, this.#inputs, input);
    } catch (error) {
      this.#own.dispose(copy);
      throw error;
    }
  }

  #beforeRun(): void {
    if (this.#due.length > 0) this.#carry();
    if (this.#strings !== undefined) this.#readStrings(this.#strings);
  }

  /** What the last run has written is what the next one reads. */
  #carry(): void {
    this.#requireIdle();
    const due = this.#due;
    const pairs: number[] = [];
    const exchanged: Carried[] = [];
    for (const carried of due) {
      const { input, output, inputIndex, outputIndex } = carried;
      if (this.#dynamic.includes(output)) {
        const tensor = own(this.#outputs, output);
        if (tensor !== undefined) this.setInput(input, tensor);
        continue;
      }
      pairs.push(outputIndex, inputIndex);
      if (this.#kept?.has(output) !== true) exchanged.push(carried);
    }
    const hasExchanged = pairs.length > 0 && this.#native.carry(pairs);
    // Not before: what cannot be carried now is carried later, or set.
    this.#due = [];
    if (this.#kept !== undefined) this.#feedBack(this.#kept, due);
    if (!hasExchanged) return;
    for (const { input, output } of exchanged) {
      const tensor = own(this.#inputs, input);
      setOwn<unknown>(this.#inputs, input, own(this.#outputs, output));
      setOwn<unknown>(this.#outputs, output, tensor);
      this.#leases.exchange(`outputs.${output}`, `inputs.${input}`);
      this.#arrays.exchange(`outputs.${output}`, `inputs.${input}`);
    }
  }

  /** What was bound to the inputs before is used no more. */
  #feedBack(kept: KeptState, carried: readonly Carried[]): void {
    for (const { input, output } of carried) {
      if (!kept.has(output)) continue;
      if (!kept.isFedBack(output)) {
        this.#leases.set(`inputs.${input}`, false, undefined);
        this.#arrays.set(`inputs.${input}`, undefined);
        this.#own.dispose(own(this.#inputs, input));
      }
      kept.fedBack(output);
    }
  }

  /** A run has succeeded. */
  #taken(dynamic: NativeValue[] | undefined): void {
    if (dynamic !== undefined) this.#takeDynamic(dynamic);
    this.#kept?.written();
    this.#due = this.#carried;
  }

  /** Binds another tensor to an input. @throws OnliteError as for a feed; ERR_BUSY during a run. */
  setInput(name: string, tensor: TensorLike): void {
    const index = indexOf(this.#plan.inputIndex, name, 'inputs');
    this.#set(index, `inputs.${name}`, tensor, this.#inputs, name);
    // It is the state then, not what the last run has made.
    if (this.#due.length > 0) this.#due = this.#due.filter(({ input }) => input !== name);
    const carried = this.#carried.find(({ input }) => input === name);
    if (carried === undefined || !this.#changesPlaces(carried.output)) return;
    this.#bindState(name, copyOfTensor(tensor));
  }

  /** Binds another tensor to an output. @throws OnliteError as {@link IoBinding.setInput}. */
  setOutput(name: string, tensor: TensorLike): void {
    const index = indexOf(this.#plan.outputIndex, name, 'outputs');
    for (const each of this.#carried) if (each.output === name) this.#carryBefore(each);
    this.#set(index, `outputs.${name}`, tensor, this.#outputs, name);
    const position = this.#dynamic.indexOf(name);
    if (position >= 0) this.#dynamic.splice(position, 1);
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
    this.#own.disposeAll();
    this.#leases.release();
    this.#native.close();
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
    this.#arrays.set(path, ordinaryArray(encoded));
    if (record === this.#inputs) {
      this.#kept?.replaceInput(name);
      if (tensor.type === 'string') (this.#strings ??= new Map()).set(index, tensor);
      else this.#strings?.delete(index);
    } else this.#kept?.replaceOutput(name);
    this.#own.dispose(own(record, name));
    setOwn<unknown>(record, name, tensor);
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

  #bindAll({ inputs = {}, outputs = {}, dims = {}, carry }: BindOptions): void {
    const carried = parseCarry(this.#plan, carry);
    for (const [list, record] of Object.entries({ inputs, outputs, dims })) {
      requireRecord(record, `options.${list}`);
    }
    checkNames(inputs, this.#plan.inputIndex, 'inputs');
    checkNames(outputs, this.#plan.outputIndex, 'outputs');
    const acquire = (info: NativeValueInfo): Tensor | undefined => {
      const shape = resolveShape(info, dims);
      const type = elementTypeOfCode(info.type);
      if (shape === undefined || type?.array === undefined) return undefined;
      return this.#own.acquire(type.name, shape);
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
      if (isDeviceLocation(given)) {
        this.#keepOnDevice(info, index, carried);
        continue;
      }
      const isUnknown = isResized && own(dims, info.name) === undefined;
      const left = isUnknown ? undefined : acquire;
      const tensor = given === 'dynamic' ? undefined : (given ?? left?.(info));
      if (tensor === undefined || !this.#canBind(info.name, tensor)) {
        this.#native.setOutputs(encodeOutput(index));
        this.#dynamic.push(info.name);
      }
    }
    for (const each of carried) this.#keepInitial(each, own(inputs, each.input) === undefined);
    this.#carried = carried;
    this.#keepDynamic(carried);
  }

  #keepOnDevice(info: NativeValueInfo, index: number, carried: readonly Carried[]): void {
    const type = requireOnDevice(info);
    this.#kept ??= new KeptState(this.#native, this.#inputs, this.#outputs);
    const feeding = carried.find(({ outputIndex }) => outputIndex === index);
    this.#kept.keepOnDevice(feeding ?? { output: info.name, outputIndex: index }, type);
  }

  #keepDynamic(carried: readonly Carried[]): void {
    for (const each of carried) {
      const position = this.#dynamic.indexOf(each.output);
      if (position < 0) continue;
      this.#kept ??= new KeptState(this.#native, this.#inputs, this.#outputs);
      if (this.#kept.keep(each)) this.#dynamic.splice(position, 1);
    }
  }

  /** An output gets other memory: the state leaves the old before, and the runtime's own. */
  #carryBefore(carried: Carried): void {
    this.#requireUndisposed();
    this.#requireIdle();
    if (this.#due.some(({ output }) => output === carried.output)) this.#carry();
    if (this.#changesPlaces(carried.output)) return;
    const { input, output } = carried;
    this.#kept?.requireReadable(output);
    const state = this.#kept?.isFedBack(output) === true ? this.#kept.stateOf(carried) : undefined;
    const bound = state ?? own(this.#inputs, input);
    if (bound !== undefined) this.#bindState(input, copyOfTensor(bound));
  }

  #keepInitial(carried: Carried, isOurs: boolean): void {
    const { input, output } = carried;
    const tensor = own(this.#inputs, input);
    const target = own(this.#outputs, output);
    if (tensor === undefined) {
      throw invalidArgument(`inputs.${input}`, 'a tensor, the state at first', undefined);
    }
    if (isOurs) clearElements(tensor);
    if (isTensor(target)) requireSameDims(carried, tensor, target);
    carried.initial = copyOfTensor(tensor);
    if (!isOurs && this.#changesPlaces(output)) this.#bindState(input, carried.initial);
  }

  /** Binds an output; false for memory of our own where the model gives an input back instead. */
  #canBind(name: string, tensor: TensorLike): boolean {
    try {
      this.setOutput(name, tensor);
      return true;
    } catch (error) {
      const isUnwritten = error instanceof OnliteError && error.code === 'ERR_UNSUPPORTED';
      if (!isUnwritten || !isTensor(tensor) || !this.#own.dispose(tensor)) throw error;
      return false;
    }
  }

  #takeDynamic(values: NativeValue[]): void {
    for (const [position, name] of this.#dynamic.entries()) {
      setOwn(this.#outputs, name, decodeValue(values[position] ?? null) as Tensor);
    }
  }
}
