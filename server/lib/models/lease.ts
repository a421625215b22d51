import { InferenceSession, OnliteError, type RunOptions, type Tensor } from 'onlite';
import type { RowTensor } from 'onlite/watch';

import { exchangeUnderWay, type Exchange } from './exchange';
import { disposeBound, type Bindings, type Bound, type InputShapes } from './bindings';
import { NOBODY, type Caller } from './caller';
import { LONGEST_ID, type RecordedRun, type Recorder, type RunError } from './recorder';
import { tooLate } from './run-queue';
import type { ServedModel } from './served-model';
import { setOwn } from './set-own';
import type { ShadowRun } from './shadowing';
import type { Signature } from './signature';

/**
 * The memory of one request from its parsing to the last byte of its answer: write the inputs, run, read
 * the outputs, release. The outputs may be sent from where they are, as long as it is not released.
 */
export class Lease {
  readonly model: ServedModel;
  readonly signature: Signature;
  readonly #bindings: Bindings;
  #bound: Bound;
  readonly #shapes: InputShapes;
  readonly #started = performance.now();
  /** When the model was asked to run, when its turn came, and when it had: times of `performance.now()`, 0 before. */
  askedAt = 0;
  ranFrom = 0;
  ranUntil = 0;
  /** What the client calls the request in its body, where the protocol has a place for that. */
  requestId: string | undefined;
  /** Where the model is watched. */
  readonly #recorder: Recorder | undefined;
  /** How many requests it is one of where it is looked at, else 0. */
  readonly #weight: number = 0;
  readonly #exchange: Exchange | undefined;
  #failure: unknown;
  #isReleased = false;
  /** A run that was given up may still use the memory. */
  #isSpoilt = false;

  constructor(
    model: ServedModel,
    signature: Signature,
    bindings: Bindings,
    bound: Bound,
    shapes: InputShapes,
  ) {
    this.model = model;
    this.signature = signature;
    this.#bindings = bindings;
    this.#bound = bound;
    this.#shapes = shapes;
    const exchange = exchangeUnderWay();
    if (exchange === undefined) return;
    exchange.lease ??= this;
    if (model.recorder === undefined) return;
    this.#recorder = model.recorder;
    this.#weight = model.recorder.samples();
    this.#exchange = exchange;
  }

  /** Whether the request has an input, or leaves out one that it may. */
  has(index: number): boolean {
    return this.#shapes[index] !== undefined;
  }

  /** The tensor to write an input to; strings are put into its `data` one by one. */
  input(index: number): Tensor {
    return this.#tensor(this.#bound.io.inputs, this.signature.inputs[index]?.name);
  }

  /** An output after the run. */
  output(index: number): Tensor {
    return this.#tensor(this.#bound.io.outputs, this.signature.outputs[index]?.name);
  }

  /** An input's memory as bytes; not of strings. */
  inputBytes(index: number): Buffer {
    return this.#viewOf(this.input(index));
  }

  /** An output's memory as bytes, after the run; not of strings. */
  outputBytes(index: number): Buffer {
    const tensor = this.output(index);
    return this.#bound.isStatic ? this.#viewOf(tensor) : bytesOf(tensor);
  }

  #viewOf(tensor: Tensor): Buffer {
    const { views } = this.#bound;
    let bytes = views.get(tensor);
    if (bytes === undefined) {
      bytes = bytesOf(tensor);
      views.set(tensor, bytes);
    }
    return bytes;
  }

  /** What was written about the outputs of these before, if they are the same each time. */
  headFor(wanted: object, write: () => string): string {
    const bound = this.#bound;
    if (bound.head?.wanted === wanted) return bound.head.text;
    const text = write();
    if (bound.isStatic) bound.head = { wanted, text };
    return text;
  }

  #tensor(tensors: Readonly<Record<string, Tensor>>, name: string | undefined): Tensor {
    const tensor = name === undefined ? undefined : tensors[name];
    if (tensor === undefined) throw new Error(`there is no tensor '${name}'`);
    return tensor;
  }

  /**
   * Runs the model and counts the request; at once, and without a promise, where its runs are short.
   *
   * @param timeoutMs - since the request was read; the caller's deadline may be sooner
   * @throws Overloaded where too many wait, or it would be too late
   * @throws OnliteError as `IoBinding.run`; ERR_TIMEOUT, too, for a request whose time has passed before
   */
  run(
    caller: Caller = NOBODY,
    timeoutMs?: number,
    priority: number = caller.priority,
  ): Promise<void> | undefined {
    this.askedAt = performance.now();
    this.ranFrom = this.askedAt;
    if (priority !== caller.priority) this.model.queue.hasPrioritiesInBodies = true;
    const run = (): Promise<void> | undefined => this.#begin(caller, timeoutMs, priority);
    return this.#recorder === undefined ? run() : this.#noting(run);
  }

  /** Keeps what it fails with. */
  #noting(run: () => Promise<void> | undefined): Promise<void> | undefined {
    // One by which no label can come is not kept until it would.
    if ((this.requestId?.length ?? 0) > LONGEST_ID) this.requestId = undefined;
    if (this.#weight > 0) this.requestId ??= this.#exchange?.nameIt();
    const fail = (error: unknown): never => {
      this.#failure = error;
      throw error;
    };
    try {
      return run()?.catch(fail);
    } catch (error) {
      return fail(error);
    }
  }

  #begin(
    caller: Caller,
    timeoutMs: number | undefined,
    priority: number,
  ): Promise<void> | undefined {
    const deadline = this.#deadline(caller.deadline, timeoutMs);
    if (deadline !== undefined && deadline <= this.askedAt) {
      this.model.statistics.expired();
      throw tooLate();
    }
    const besides = this.model.shadowing?.begin(this);
    const run = (): Promise<void> | undefined => this.#runSomewhere(caller, deadline, priority);
    return besides === undefined ? run() : this.#runBesides(besides, run);
  }

  #deadline(said: number | undefined, timeoutMs: number | undefined): number | undefined {
    // What the model has is for those who say nothing.
    const own = timeoutMs ?? (said === undefined ? this.model.timeoutMs : undefined);
    if (own === undefined) return said;
    const at = this.#started + own;
    return said === undefined ? at : Math.min(at, said);
  }

  #runBesides(besides: ShadowRun, run: () => Promise<void> | undefined): Promise<void> | undefined {
    const fail = (error: unknown): never => {
      besides.abandoned();
      throw error;
    };
    let running: Promise<void> | undefined;
    try {
      running = run();
    } catch (error) {
      return fail(error);
    }
    if (running !== undefined) return running.then(() => besides.ended(), fail);
    besides.ended();
    return undefined;
  }

  #runSomewhere(
    caller: Caller,
    deadline: number | undefined,
    priority: number,
  ): Promise<void> | undefined {
    const { inline } = this.model;
    if (inline.isOpen && this.#runHere()) return undefined;
    inline.ranElsewhere();
    return this.#runElsewhere(caller, deadline, priority);
  }

  /** So short a run ends before it could be given up. False, and nothing has happened, if it cannot be made. */
  #runHere(): boolean {
    const started = performance.now();
    try {
      this.#bound.io.runSync();
    } catch (error) {
      // Every interpreter runs, or the outputs have other shapes.
      if (error instanceof OnliteError && (error.code === 'ERR_BUSY' || this.#mayBeShapes(error))) {
        return false;
      }
      this.model.statistics.failed(this.#elapsed());
      throw error;
    }
    this.model.statistics.succeeded(this.#elapsed(), this.#rows());
    this.model.inline.ranHere(this.ranUntil - started);
    return true;
  }

  async #runElsewhere(
    caller: Caller,
    deadline: number | undefined,
    priority: number,
  ): Promise<void> {
    const { statistics, queue, watchdog } = this.model;
    if (!queue.enter()) await queue.wait(this.#bound.bytes, caller, deadline, priority);
    const { underWay } = queue;
    const started = performance.now();
    this.ranFrom = started;
    const watched = watchdog?.began(started);
    let isDone = false;
    try {
      // A run that does not end is given up with its client, whatever the others take.
      const runMs = watched === undefined ? queue.time.runMs : 0;
      await this.#run(optionsOf(caller, deadline, runMs, started));
      isDone = true;
      if (watched !== undefined) watchdog?.ended(watched);
    } catch (error) {
      statistics.failed(this.#elapsed());
      if (watched !== undefined && isGivenUp(error)) watchdog?.gaveUp(watched);
      else if (watched !== undefined) watchdog?.ended(watched);
      throw error;
    } finally {
      queue.leave(performance.now() - started, underWay, isDone);
    }
    statistics.succeeded(this.#elapsed(), this.#rows());
  }

  /** Where dimensions of one name were not equal, an output has another shape than was concluded. */
  #mayBeShapes(error: unknown): boolean {
    return this.#bound.isConcluded && error instanceof OnliteError && mayBeShapes.has(error.code);
  }

  async #run(options: Options | undefined): Promise<void> {
    try {
      await this.#runBound(options);
    } catch (error) {
      this.#isSpoilt = true;
      if (!this.#mayBeShapes(error)) throw error;
      const failed = this.#bound;
      this.#bound = this.#bindings.takeUnconcluded(this.#shapes);
      this.#copyInputs(failed);
      disposeBound(failed);
      await this.#bound.io.run(options);
      this.#isSpoilt = false;
      this.#bindings.concludeNoMore();
    }
  }

  /** Sessions gather the runs of tensors, and not those of bindings. */
  #runBound(options: Options | undefined): Promise<unknown> {
    const { io, isStatic } = this.#bound;
    const { batches, session } = this.model;
    if (!batches || !isStatic || !(session instanceof InferenceSession)) return io.run(options);
    const { key } = this.signature;
    const more = { ...options, ...(key !== undefined && { signature: key }) };
    return session.run({ ...io.inputs }, { ...io.outputs }, more);
  }

  #copyInputs({ io }: Bound): void {
    for (const [name, target] of Object.entries(this.#bound.io.inputs)) {
      const source = io.inputs[name]?.data;
      if (Array.isArray(source)) {
        (target.data as unknown as string[]).splice(0, source.length, ...source);
      } else if (ArrayBuffer.isView(source)) {
        (target.data as Float32Array).set(source as Float32Array);
      }
    }
  }

  /** A batch is where the first dimension is the request's. */
  #rows(): number {
    const isBatch = typeof this.signature.inputs[0]?.shape[0] === 'string';
    return isBatch ? (this.#shapes[0]?.[0] ?? 1) : 1;
  }

  #elapsed(): number {
    this.ranUntil = performance.now();
    return Math.round((this.ranUntil - this.#started) * 1e6);
  }

  /** Ends the use of its tensors. May be called twice. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    if (this.#recorder === undefined || this.askedAt === 0) this.#end();
    else if (this.#weight > 0) this.#recorder.take(this, () => this.#end());
    else {
      this.#recorder.passed(this.requestId ?? this.#exchange?.givenId, this.#error);
      this.#end();
    }
  }

  get #error(): RunError | undefined {
    const isDone = this.#failure === undefined && this.ranUntil > 0;
    return isDone ? undefined : errorOf(this.#failure);
  }

  /** What it was asked and what it said, in tensors that are there until its recorder has it end. @internal */
  get recorded(): RecordedRun {
    const { inputs, outputs } = this.signature;
    const error = this.#error;
    const { startedAt = this.#started } = this.#exchange ?? {};
    const until = this.ranUntil > 0 ? this.ranUntil : performance.now();
    const present = inputs.filter((_, index) => this.has(index));
    return {
      requestId: this.requestId,
      time: Math.round(performance.timeOrigin + startedAt),
      latencyMs: until - startedAt,
      inputs: readable(present, (name) => this.#tensor(this.#bound.io.inputs, name)),
      outputs:
        error === undefined
          ? readable(outputs, (name) => this.#tensor(this.#bound.io.outputs, name))
          : undefined,
      error,
      weight: this.#weight,
    };
  }

  #end(): void {
    if (this.#isSpoilt) disposeBound(this.#bound);
    else this.#bindings.giveBack(this.#bound);
    this.model.ended();
  }
}

/** Tensors by name, with how those of whole numbers are read as real ones. */
function readable(
  values: Signature['inputs'],
  tensorOf: (name: string) => Tensor,
): Record<string, RowTensor> {
  const tensors: Record<string, RowTensor> = {};
  for (const { name, quantization } of values) {
    const { type, dims, data } = tensorOf(name);
    setOwn(tensors, name, { type, dims, data, ...(quantization && { quantization }) });
  }
  return tensors;
}

function errorOf(error: unknown): RunError {
  if (!(error instanceof Error)) return { message: String(error), code: 'other' };
  const { code, name, message } = error as Error & { code?: unknown };
  return { message, code: typeof code === 'string' ? code : name };
}

const isGivenUp = (error: unknown): boolean =>
  error instanceof OnliteError && (error.code === 'ERR_TIMEOUT' || error.code === 'ERR_CANCELLED');

type Options = Pick<RunOptions, 'timeoutMs' | 'signal'>;

/** What takes less has ended before it would help to give it up; a signal costs more than the rest of a request. */
const GIVEN_UP_FROM_MS = 1;

/** @param runMs - of runs lately, 0 where that is not known */
function optionsOf(
  caller: Caller,
  deadline: number | undefined,
  runMs: number,
  now: number,
): Options | undefined {
  const isShort = runMs > 0 && runMs < GIVEN_UP_FROM_MS;
  const isKept = isShort || caller === NOBODY;
  if (deadline === undefined) return isKept ? undefined : { signal: caller.signal };
  const timeoutMs = Math.min(Math.max(deadline - now, 1), LONGEST_MS);
  return isKept ? { timeoutMs } : { timeoutMs, signal: caller.signal };
}

const LONGEST_MS = 0x7fff_ffff;

function bytesOf({ data }: Tensor): Buffer {
  const { buffer, byteOffset, byteLength } = data as Float32Array;
  return Buffer.from(buffer as ArrayBuffer, byteOffset, byteLength);
}

const mayBeShapes: ReadonlySet<string> = new Set(['ERR_SHAPE_MISMATCH', 'ERR_RUN_FAILED']);
