import type { InferenceSession as CommonSession } from 'onnxruntime-common';

import { throwIfAborted } from '../../abort';
import { abortable } from '../run/abort';
import { checkBindOptions, type BindOptions, type Tensors } from '../run/bind-options';
import { IoBinding } from '../run/io-binding';
import { OnliteError, invalidArgument } from '../../errors';
import { encodeFeeds, type TensorLike } from '../run/feeds';
import { promiseJob, type StartedJob } from '../addon/jobs';
import { RunLeases } from '../run/leases';
import { SessionLatency, batchSizesOf } from '../latency/latency';
import { liveSessions } from './live-sessions';
import { LoadLimits, LoadedSession, loadSession, releaseSession, requireLoaded } from './load';
import {
  sessionMetadata,
  type ModelMetadata,
  type SignatureMetadata,
  type ValueMetadata,
} from './metadata';
import { modelName, parseCreateArguments, type ModelSource } from './model-source';
import { type Engine, type NativeSession, type NativeValue } from '../addon/native';
import type { ProfileOptions } from '../profile/profile';
import { keepOrigin, type SessionOrigin } from '../profile/session-apart';
import type { ModelProfile } from '../profile/types';
import { RunObserver, runChannel } from '../run/run-channel';
import { requireSynchronous, type RunOptions } from '../run/run-options';
import { readRequest, type RunRequest } from '../run/run-request';
import { RunOutputs } from '../run/outputs';
import type { Feeds, Fetches, RunResult } from '../run/run-types';
import { withRemedy } from '../runtime/runtime-locations';
import { checkSessionOptions, type SessionOptions } from './session-options';
import { attachSession, shareSession, type SessionHandle } from './share';
import { planSignatures, requireSignature, type SignaturePlan } from '../run/signature-plan';
import type { PreparedRun } from '../run/prepared-run';
import { PreparedShapes } from '../run/prepared-shapes';
import type { Tensor } from '../tensor/tensor';
import { warmUp } from '../run/warm-up';

export type { Feeds, Fetches, RunResult };

/**
 * A model that is loaded and ready to run, ONNX or TensorFlow Lite.
 *
 * Runs of one session start in the order they were asked for, `concurrency` of
 * them at a time. A session that is forgotten is released when it is collected.
 */
export class InferenceSession implements AsyncDisposable {
  readonly #native: NativeSession;
  readonly #plans: ReadonlyMap<string, SignaturePlan>;
  readonly #primary: SignaturePlan;
  /** Made at the first run; null if the model's tensors are not small, or its one binding is the program's. */
  #prepared: PreparedShapes | null | undefined;
  /** Of a run without fetches and options. */
  readonly #plainRequest: RunRequest;
  readonly #isBatched: boolean;
  #released: Promise<void> | undefined;
  /** Without the model once it is released. */
  #origin: SessionOrigin;
  readonly #observer: RunObserver;

  /** What metrics and traces call the model; see {@link SessionOptions.name}. */
  readonly name: string;
  /** The runtime that runs the model, found from its bytes. */
  readonly engine: Engine;
  /** Runs that may be in flight at once. */
  readonly concurrency: number;
  /** The model keeps state from run to run; see {@link InferenceSession.resetVariables}. */
  readonly hasVariables: boolean;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputMetadata: readonly ValueMetadata[];
  readonly outputMetadata: readonly ValueMetadata[];
  /** Constants of an ONNX graph that a feed of their name replaces; not among the inputs. */
  readonly overridableInitializers: readonly ValueMetadata[];
  /** Named entry points by key (TensorFlow Lite); empty where the model has none. */
  readonly signatures: Readonly<Record<string, SignatureMetadata>>;
  readonly modelMetadata: ModelMetadata;
  /** Latency histograms of this session's successful runs. */
  readonly latency: SessionLatency;

  /** Use {@link InferenceSession.create}. @internal */
  constructor(loaded: LoadedSession) {
    const { session, info, name, origin } = requireLoaded(loaded);
    const [primary, ...others] = info.signatures;
    if (primary === undefined) throw new OnliteError('ERR_MODEL_INVALID', 'no signature');
    this.#native = session;
    this.#isBatched = origin.options.batching !== undefined;
    // Only ONNX models are loaded once more, for profiles.
    this.#origin = info.engine === 'onnxruntime' ? origin : { ...origin, model: undefined };
    if (info.capturesGraphs) this.#prepared = null;
    const plans = planSignatures(primary, others);
    this.#primary = plans.primary;
    this.#plainRequest = readRequest(() => this.#primary, undefined, undefined);
    this.#plans = plans.others;
    this.engine = info.engine;
    this.concurrency = info.concurrency;
    this.hasVariables = info.hasVariables;
    const metadata = sessionMetadata(primary, others, info.metadata);
    this.inputMetadata = metadata.inputMetadata;
    this.outputMetadata = metadata.outputMetadata;
    this.overridableInitializers = metadata.overridableInitializers;
    this.signatures = metadata.signatures;
    this.modelMetadata = metadata.modelMetadata;
    this.inputNames = this.inputMetadata.map((input) => input.name);
    this.outputNames = this.outputMetadata.map((output) => output.name);
    this.latency = new SessionLatency(session);
    this.name = name;
    // A batch waits for others to join it.
    const inlineNs = this.#isBatched ? 0 : origin.options.inlineNs;
    this.#observer = new RunObserver(session, name, this.engine, inlineNs / 1000);
    liveSessions.add(this.#observer, session, this.latency);
  }

  /**
   * Loads a model. Reading, parsing and optimising happen off the event loop.
   *
   * @param source - a path, a `file:` URL or the model's bytes, which are copied
   * @throws OnliteError ERR_MODEL_NOT_FOUND, ERR_MODEL_UNREADABLE, ERR_MODEL_INVALID,
   *   ERR_RUNTIME_NOT_FOUND, ERR_PROVIDER_UNAVAILABLE, ERR_INVALID_ARGUMENT for
   *   an option, ERR_UNSUPPORTED for what the engine cannot do, ERR_BUFFER_DETACHED,
   *   ERR_OUT_OF_MEMORY, ERR_CANCELLED or ERR_TIMEOUT at once when `signal` or `timeoutMs`
   *   says so.
   */
  static create(source: ModelSource, options?: SessionOptions): Promise<InferenceSession>;
  /** Loads a model from a part of a buffer. */
  static create(
    buffer: ArrayBufferLike,
    byteOffset: number,
    byteLength?: number,
    options?: SessionOptions,
  ): Promise<InferenceSession>;
  static async create(...args: unknown[]): Promise<InferenceSession> {
    const { source, options } = parseCreateArguments(args);
    const { decrypt, ...checked } = checkSessionOptions(options);
    const origin = keepOrigin(source, checked.source, checked.native, decrypt);
    const limits = new LoadLimits(checked.limits);
    try {
      const loaded = await loadSession(source, checked.source, checked.native, limits, decrypt);
      const name = modelName(source, checked.name);
      const session = new InferenceSession(new LoadedSession(loaded, name, origin));
      if (checked.warmUp) {
        await limits.within(session.warmUp()).catch(async (error: unknown) => {
          const released = session.release();
          if (!limits.reached) await released;
          throw error;
        });
      }
      return session;
    } catch (error) {
      throw withRemedy(error);
    }
  }

  /**
   * A handle for {@link InferenceSession.attach} in any thread of this process; it holds nothing.
   *
   * @throws OnliteError ERR_SESSION_RELEASED.
   */
  share(): SessionHandle {
    return shareSession(this.#native, this.name, this.#origin);
  }

  /**
   * A session that some thread of the process has shared: one copy of the weights, one queue, one
   * batcher, one set of histograms, the same options and variables. Each has bindings and a
   * `release()` of its own; the model goes with the last.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT for what is no handle of this process,
   *   ERR_SESSION_RELEASED once all have released the session.
   */
  static attach(handle: SessionHandle): InferenceSession {
    return new InferenceSession(attachSession(handle));
  }

  /**
   * Runs the model on a thread of its own; the event loop goes on. A model whose runs
   * take less than the hand-over is run at once instead, see {@link SessionOptions.inline}.
   * The feeds may be reused as soon as the call has returned.
   *
   * @typeParam Outputs - the shape of the result, for models whose outputs are
   *   not all tensors (see {@link OnnxValue})
   * @throws OnliteError with the path of the feed that is wrong
   *   (ERR_INVALID_ARGUMENT, ERR_TYPE_MISMATCH, ERR_SHAPE_MISMATCH,
   *   ERR_BUFFER_DETACHED, ERR_TENSOR_DISPOSED), ERR_QUEUE_FULL, ERR_CANCELLED,
   *   ERR_TIMEOUT, ERR_SESSION_RELEASED, ERR_OUT_OF_MEMORY, ERR_POOL_EXHAUSTED, ERR_BUSY
   *   or ERR_UNSUPPORTED, or ERR_RUN_FAILED with the runtime's cause.
   */
  run<Outputs extends object = RunResult>(feeds: Feeds, options?: RunOptions): Promise<Outputs>;
  run<Outputs extends object = RunResult>(
    feeds: Feeds,
    fetches: Fetches,
    options?: RunOptions,
  ): Promise<Outputs>;
  run(feeds: unknown, second?: unknown, third?: unknown): Promise<object> {
    try {
      const request = this.#requestOf(second, third);
      const { signal, timeoutMs } = request.options;
      throwIfAborted(signal);
      const isAbortable = signal !== undefined || timeoutMs !== undefined;
      const prepared = this.#prepare(feeds, request);
      if (!isAbortable) {
        const result =
          prepared === undefined ? this.#runInline(feeds, request) : prepared.runInline();
        if (result !== undefined) return result;
      }
      const job = prepared?.run(isAbortable) ?? this.#start(feeds, request);
      return isAbortable ? abortable(job, request.options) : job.result;
    } catch (error) {
      // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- as it was thrown
      return Promise.reject(error);
    }
  }

  /** Starts a run the ordinary way. */
  #start(feeds: unknown, request: RunRequest): StartedJob & { result: Promise<object> } {
    const {
      plan,
      outputs: requested,
      native: options,
      options: { pool },
    } = request;
    const leases = new RunLeases();
    try {
      const inputs = encodeFeeds(plan, feeds, leases);
      const batched = this.#isBatched;
      const outputs = new RunOutputs(plan, requested, { pool, leases, batched });
      // Metrics take a session's totals when this has gone; the run is one of them.
      outputs.owner = this.#observer;
      return promiseJob<object>(
        (id) => {
          this.#native.run(id, inputs, outputs.encoded, options);
        },
        outputs,
        this.#observer.startRun,
        outputs.decoder(this.#prepared?.learner(request, inputs)),
      );
    } catch (error) {
      leases.release();
      throw error;
    }
  }

  /**
   * Runs the model on the calling thread, for models of microseconds.
   *
   * @throws OnliteError as {@link InferenceSession.run}; ERR_BUSY when every
   *   interpreter of a TensorFlow Lite session is running, or another run uses WebGPU;
   *   ERR_INVALID_ARGUMENT for `signal` and `timeoutMs`, which cannot reach a synchronous run.
   */
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as run's
  runSync<Outputs extends object = RunResult>(feeds: Feeds, options?: RunOptions): Outputs;
  // eslint-disable-next-line @typescript-eslint/no-unnecessary-type-parameters -- as run's
  runSync<Outputs extends object = RunResult>(
    feeds: Feeds,
    fetches: Fetches,
    options?: RunOptions,
  ): Outputs;
  runSync(feeds: unknown, second?: unknown, third?: unknown): object {
    const request = this.#requestOf(second, third);
    requireSynchronous(request.options);
    const prepared = this.#prepare(feeds, request);
    if (prepared !== undefined) return prepared.runSync();
    return this.#runHere(feeds, request, false);
  }

  /**
   * A run that was asked for asynchronously, at once where that is quicker for everybody.
   *
   * @returns undefined if it is not: then nothing has happened
   */
  #runInline(feeds: unknown, request: RunRequest): Promise<object> | undefined {
    // A run that fails must leave the caller's tensors untouched.
    const mayRun = this.#observer.mayRunInline && request.outputs.tensors === undefined;
    if (!mayRun || !this.#native.mayRunInline()) return undefined;
    const result = this.#runHere(feeds, request, true);
    return result === undefined ? undefined : this.#observer.deliverInline(result);
  }

  /**
   * A run on this thread, over the caller's memory.
   *
   * @param inlined - it was asked for asynchronously; undefined if a thread is to make it
   */
  #runHere(feeds: unknown, request: RunRequest, inlined: false): object;
  #runHere(feeds: unknown, request: RunRequest, inlined: true): object | undefined;
  #runHere(feeds: unknown, request: RunRequest, inlined: boolean): object | undefined {
    const { plan, options, native } = request;
    const inputs = encodeFeeds(plan, feeds, undefined);
    const memory = { pool: options.pool, leases: undefined, batched: false };
    const outputs = new RunOutputs(plan, request.outputs, memory);
    const run = (): NativeValue[] | false =>
      this.#native.runSync(inputs, outputs.encoded, native, inlined);
    try {
      const values = runChannel.hasSubscribers ? this.#observer.runSync(run) : run();
      if (values === false) return undefined;
      const result = outputs.decode(values);
      this.#prepared?.learner(request, inputs)?.(result);
      return result;
    } finally {
      outputs.release();
    }
  }

  /**
   * Binds tensors to the inputs and outputs for many runs without copies. What
   * is left out is allocated; see {@link BindOptions}.
   *
   * @throws OnliteError as for a feed; ERR_INVALID_ARGUMENT if a shape is
   *   needed; ERR_UNSUPPORTED for what cannot be bound.
   */
  bind<
    Inputs extends Tensors = Record<string, Tensor>,
    Outputs extends Tensors = Record<string, Tensor>,
  >(options: BindOptions = {}): IoBinding<Inputs, Outputs> {
    this.#requireOpen();
    const checked = checkBindOptions(options);
    const plan = this.#plan(checked.signature);
    const binding = this.#native.bind(plan.index);
    return new IoBinding(binding, plan, checked, this.#observer);
  }

  /**
   * Runs the model to have its memory allocated and its code paged in before
   * the first run that counts. Such runs are not in the latency histograms, and
   * the variables of a model that has some are put back afterwards.
   *
   * @param runs - how often
   * @param feeds - what to run on; by default zeros, with 1 for each dynamic
   *   dimension, which some models refuse
   * @throws OnliteError as {@link InferenceSession.run}.
   */
  async warmUp(runs = 1, feeds?: Feeds): Promise<void> {
    if (!Number.isSafeInteger(runs) || runs < 0) {
      throw invalidArgument('runs', 'a non-negative integer', runs);
    }
    this.#requireOpen();
    await warmUp(this.#native, this.#primary, runs, feeds);
    if (this.hasVariables) await this.resetVariables();
  }

  /**
   * Puts the model's variables back to their initial values, after the runs
   * asked for before and before those asked for later.
   */
  resetVariables(): Promise<void> {
    return promiseJob<undefined>((id) => {
      this.#native.resetVariables(id);
    }).result;
  }

  /** The same at once. @throws OnliteError ERR_BUSY while runs are in flight. */
  resetVariablesSync(): void {
    this.#native.resetVariablesSync();
  }

  /**
   * Frees the model, after the runs in flight and waiting, unless another thread shares it: then
   * it waits for this session's own runs, and only lets go. A run that was cancelled or timed
   * out and goes on nevertheless holds up the promise for two seconds at most, and the memory for
   * as long as it lasts. May be called again; every call gives the same promise. Using the
   * session afterwards throws ERR_SESSION_RELEASED.
   */
  release(): Promise<void> {
    if (this.#released === undefined) {
      this.#released = releaseSession(this.#native).then(() => {
        liveSessions.remove(this.#observer);
      });
      this.#prepared?.close();
      this.#origin = { ...this.#origin, model: undefined };
    }
    return this.#released;
  }

  /** The execution providers or delegates in use, in order; fewer once one refused a run. */
  get executionProviders(): readonly string[] {
    return this.#native.providers();
  }

  /**
   * Runs asked for with `run` that were made on the calling thread at once, of all threads that
   * share the session; see {@link SessionOptions.inline}.
   */
  get inlineRuns(): number {
    return this.#native.inlineRuns();
  }

  /** Batches started, by rows without padding, for choosing the sizes; empty without batching. */
  get batchSizes(): ReadonlyMap<number, number> {
    return batchSizesOf(this.#native);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.release();
  }

  /** Accepted for compatibility: profiling starts with the option `enableProfiling`. */
  startProfiling(): void {
    // ONNX Runtime profiles from creation.
  }

  /**
   * Ends the profiling that `enableProfiling` began.
   *
   * @returns the file that ONNX Runtime wrote
   * @throws OnliteError ERR_UNSUPPORTED for TensorFlow Lite.
   */
  endProfiling(): string {
    return this.#native.endProfiling();
  }

  /**
   * Says where a run's time goes, operator by operator. The runs are in no histogram. ONNX
   * Runtime's are made on a session with threads of its own, for which the model is loaded once
   * more; TensorFlow Lite's take turns with the session's own, on an interpreter with variables of
   * its own. The feeds must stay as they are until the promise settles.
   *
   * @throws OnliteError as {@link InferenceSession.run}; ERR_UNSUPPORTED where the
   *   library has no profiler that fits (TensorFlow Lite other than 2.17.1 and
   *   2.20, ONNX Runtime before 1.25), or `options.model` is needed; ERR_MODEL_INVALID if
   *   the model is another one by now.
   */
  async profile(feeds: Feeds, options?: ProfileOptions): Promise<ModelProfile> {
    this.#requireOpen();
    const { engine, executionProviders } = this;
    const origin = this.#origin;
    const plan = (signature: unknown): SignaturePlan => this.#plan(signature);
    const session = { engine, executionProviders, origin, native: this.#native, plan };
    // Loaded when it is needed: few programs do.
    const { profileSession } = require('../profile/profile') as typeof import('../profile/profile');
    return profileSession(session, feeds, options);
  }

  #requestOf(second: unknown, third: unknown): RunRequest {
    this.#requireOpen();
    if (second === undefined && third === undefined) return this.#plainRequest;
    return readRequest((signature) => this.#plan(signature), second, third);
  }

  /** A run over kept memory, with the feeds copied in; undefined if it takes the ordinary way. */
  #prepare(
    feeds: unknown,
    { plan, outputs, native: options, options: { pool } }: RunRequest,
  ): PreparedRun | undefined {
    if (options !== undefined) return undefined;
    if (this.#prepared === undefined) {
      this.#prepared =
        PreparedShapes.for(this.#native, this.#primary, this.#isBatched, this.#observer) ?? null;
    }
    const requested = outputs === plan.everything ? undefined : outputs;
    return this.#prepared?.prepare(feeds, requested, pool);
  }

  #requireOpen(): void {
    if (this.#released === undefined) return;
    throw new OnliteError('ERR_SESSION_RELEASED', 'the session was released');
  }

  #plan(signature: unknown): SignaturePlan {
    this.#requireOpen();
    if (signature === undefined) return this.#primary;
    return requireSignature(this.#plans, signature);
  }
}

// The type names of onnxruntime-common's InferenceSession namespace.
// eslint-disable-next-line @typescript-eslint/no-namespace
export declare namespace InferenceSession {
  type OnnxValueMapType = RunResult;
  type NullableOnnxValueMapType = Readonly<Record<string, TensorLike | null>>;
  type FeedsType = Feeds;
  type FetchesType = Fetches;
  type ReturnType = RunResult;
  type SessionOptions = import('./session-options').SessionOptions;
  type RunOptions = import('../run/run-options').RunOptions;
  type ExecutionProviderConfig = import('./session-options').ExecutionProviderConfig;
  type ExecutionProviderOption = import('./session-options').ExecutionProviderOption;
  type ExecutionProviderOptionMap = CommonSession.ExecutionProviderOptionMap;
  type ExecutionProviderName = CommonSession.ExecutionProviderName;
  type CpuExecutionProviderOption = CommonSession.CpuExecutionProviderOption;
  type CudaExecutionProviderOption = CommonSession.CudaExecutionProviderOption;
  type DmlExecutionProviderOption = CommonSession.DmlExecutionProviderOption;
  type TensorRtExecutionProviderOption = CommonSession.TensorRtExecutionProviderOption;
  type WebAssemblyExecutionProviderOption = CommonSession.WebAssemblyExecutionProviderOption;
  type WebGLExecutionProviderOption = CommonSession.WebGLExecutionProviderOption;
  type XnnpackExecutionProviderOption = CommonSession.XnnpackExecutionProviderOption;
  type WebGpuExecutionProviderOption = CommonSession.WebGpuExecutionProviderOption;
  type WebNNExecutionProviderName = CommonSession.WebNNExecutionProviderName;
  type WebNNContextOptions = CommonSession.WebNNContextOptions;
  type WebNNOptionsWithoutMLContext = CommonSession.WebNNOptionsWithoutMLContext;
  type WebNNOptionsWithMLContext = CommonSession.WebNNOptionsWithMLContext;
  type WebNNOptionsWebGpu = CommonSession.WebNNOptionsWebGpu;
  type WebNNExecutionProviderOption = CommonSession.WebNNExecutionProviderOption;
  type QnnExecutionProviderOption = CommonSession.QnnExecutionProviderOption;
  type CoreMLExecutionProviderOption = CommonSession.CoreMLExecutionProviderOption;
  type NnapiExecutionProviderOption = CommonSession.NnapiExecutionProviderOption;
  type ValueMetadata = import('./metadata').ValueMetadata;
  type ValueMetadataBase = CommonSession.ValueMetadataBase;
  type TensorValueMetadata = import('./metadata').TensorValueMetadata;
  type NonTensorValueMetadata = import('./metadata').NonTensorValueMetadata;
}
