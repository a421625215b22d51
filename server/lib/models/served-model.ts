import {
  InferenceSession,
  OnliteError,
  type IoBinding,
  type LatencyHistogram,
  type LatencyPhase,
  type RunOptions,
  type RunResult,
  type SessionHandle,
  type SessionOptions,
  type Tensor,
  type TensorPool,
} from 'onlite';

import {
  IsolatedSession,
  ModelProcess,
  sharedLatency,
  type IsolatedModel,
  type SessionFacts,
} from '../isolation';

import { Bindings, type BindingLimits, type InputShapes } from './bindings';
import { ModelError } from './errors';
import { InlineGate } from './inline-gate';
import { Lease } from './lease';
import type { Recorder } from './recorder';
import { RunQueue, type QueueLimits } from './run-queue';
import type { Shadowing } from './shadowing';
import { DEFAULT_SIGNATURE, signaturesOf, type Signature } from './signature';
import type { TrustedModel } from './trusted-model';
import { RequestStatistics, sharedCounters } from './statistics';
import type { WatchConfig } from './watch-config';
import { Watchdog } from './watchdog';

type Histogram = Pick<LatencyHistogram, 'count'> & {
  buckets(): Iterable<{
    readonly lowest: number;
    readonly highest: number;
    readonly count: number;
  }>;
  snapshot(): Pick<ReturnType<LatencyHistogram['snapshot']>, 'count' | 'mean'>;
};

/** Of a session what a server needs, wherever that is. */
export interface ModelSession extends SessionFacts {
  readonly latency: Readonly<
    Record<LatencyPhase, Histogram & Pick<LatencyHistogram, 'countAtOrBelow'>>
  > & {
    snapshot(): { readonly batchSizes: Readonly<Record<number, number>> };
  };
  run(
    feeds: Readonly<Record<string, Tensor>>,
    options?: Pick<RunOptions, 'signal' | 'timeoutMs' | 'signature'>,
  ): Promise<RunResult>;
  bind(options: Parameters<InferenceSession['bind']>[0]): ModelBinding;
  warmUp(runs?: number): Promise<unknown>;
  resetVariables(): Promise<void>;
  release(): Promise<void>;
}

/** Memory for its runs. */
export type ModelBinding = Pick<IoBinding, 'inputs' | 'outputs' | 'run' | 'runSync' | 'dispose'>;

/** A model in a process of its own. */
interface Isolated {
  readonly model: IsolatedModel;
  readonly process: ModelProcess;
  readonly latency: SharedArrayBuffer;
}

/** A model that another thread may attach to, as long as it is there. */
export interface SharedModel {
  readonly source: ModelSource;
  /** Undefined for a model of a process of its own: each thread has one. */
  readonly handle: SessionHandle | undefined;
  readonly isolated:
    | {
        readonly model: IsolatedModel;
        readonly facts: SessionFacts;
        /** What all threads measure its runs in. */
        readonly latency: SharedArrayBuffer;
      }
    | undefined;
  readonly counters: SharedArrayBuffer;
}

/** Below this a run on the JavaScript thread costs less than one that is handed to another. */
const INLINE_MICROSECONDS = 50;

/** Batches are of several requests' runs, which wait for each other. */
function inlineMicroseconds({ inline = 'auto', batching }: SessionOptions = {}): number {
  if (inline === 'never' || batching !== undefined) return 0;
  return inline === 'auto' ? INLINE_MICROSECONDS : inline.maxMicroseconds;
}

/** By default as those of a session. */
const MAX_QUEUE = 1024;

function queueLimits({
  concurrency = 1,
  batching,
  maxQueue = MAX_QUEUE,
  maxQueueBytes = Number.MAX_SAFE_INTEGER,
}: SessionOptions = {}): QueueLimits {
  return { parallel: concurrency * (batching?.maxBatchSize ?? 1), maxQueue, maxQueueBytes };
}

/** How requests are answered, beside the session's options. */
export interface ServingOptions {
  /** What TensorFlow Serving's `:classify` calls the classes, in their order. */
  readonly classLabels?: readonly string[];
  /** The signature of requests that name none. Default `serving_default`. */
  readonly defaultSignature?: string;
  /** Milliseconds that a request has which says nothing of it. Default: as long as it takes. */
  readonly timeoutMs?: number;
  /** A run that takes longer makes the model not ready; one in a process of its own is started again. */
  readonly maxRunMs?: number;
  /** `'process'` runs it in a process of its own, one for each of the server's threads. Default: in this one. */
  readonly isolation?: 'none' | 'process';
  /** How what it is asked and what it says is watched (`onlite/watch`). Default: not at all. */
  readonly watch?: WatchConfig;
}

/** One version of a model, loaded. */
export interface ModelSource {
  readonly name: string;
  /** A whole number, as it is written. */
  readonly version: string;
  readonly file: string;
  readonly session?: SessionOptions;
  readonly serving?: ServingOptions;
}

/**
 * A session under the name and version that it is served by, with the memory of its requests. Protocols
 * lease memory from it for each request; it is released when it was retired and the last lease ends.
 */
export class ServedModel {
  readonly name: string;
  readonly version: string;
  readonly file: string;
  readonly session: ModelSession;
  readonly signatures: ReadonlyMap<string, Signature>;
  readonly statistics: RequestStatistics;
  readonly inline: InlineGate;
  readonly queue: RunQueue;
  readonly watchdog: Watchdog | undefined;
  /** Told of what is wrong with the model; undefined when nothing is any more. */
  onProblem: ((problem: string | undefined) => void) | undefined;
  readonly #isolated: Isolated | undefined;
  #problem: string | undefined;
  #isTold = false;
  readonly serving: ServingOptions;
  /** Runs a share of the requests on another version, too. */
  shadowing: Shadowing | undefined;
  /** Where it is watched. */
  recorder: Recorder | undefined;
  readonly #bindings = new Map<Signature, Bindings>();
  readonly #resizes: boolean;
  /** Of the session's options what requests have to do with. */
  readonly #session: SessionOptions;
  #leases = 0;
  #isOver = false;
  #onIdle: (() => void) | undefined;
  #retired: Promise<void> | undefined;
  readonly #pool: TensorPool;
  readonly #limits: BindingLimits;

  private constructor(
    source: ModelSource,
    session: ModelSession,
    pool: TensorPool,
    limits: BindingLimits,
    statistics: RequestStatistics,
    isolated?: Isolated,
  ) {
    this.name = source.name;
    this.version = source.version;
    this.file = source.file;
    this.session = session;
    this.signatures = signaturesOf(session);
    this.#resizes = source.session?.resizeInputs === true;
    const { resizeInputs, inline, batching, concurrency, maxQueue, maxQueueBytes } =
      source.session ?? {};
    this.#session = {
      ...(concurrency !== undefined && { concurrency }),
      ...(maxQueue !== undefined && { maxQueue }),
      ...(maxQueueBytes !== undefined && { maxQueueBytes }),
      ...(resizeInputs !== undefined && { resizeInputs }),
      ...(inline !== undefined && { inline }),
      ...(batching !== undefined && { batching }),
    };
    this.serving = source.serving ?? {};
    this.statistics = statistics;
    const limit = isolated === undefined ? inlineMicroseconds(source.session) : 0;
    this.inline = new InlineGate(session, limit, statistics);
    this.#isolated = isolated;
    if (isolated !== undefined) {
      isolated.process.onChange = (problem) => this.#hasProblem(problem);
      this.#hasProblem(isolated.process.problem);
    }
    const { maxRunMs } = this.serving;
    this.watchdog =
      maxRunMs === undefined
        ? undefined
        : new Watchdog(maxRunMs, (problem) => this.#isStuck(problem));
    this.queue = new RunQueue(queueLimits(source.session), statistics);
    this.#pool = pool;
    this.#limits = limits;
  }

  /**
   * @param threads - that answer requests
   * @param trusted - what is loaded in place of the file
   * @throws OnliteError as `InferenceSession.create`
   */
  static async load(
    source: ModelSource,
    pool: TensorPool,
    limits: BindingLimits,
    threads = 1,
    trusted?: TrustedModel,
  ): Promise<ServedModel> {
    const { model = source.file, externalData = [] } = trusted ?? {};
    const { parallel, maxQueue, maxQueueBytes } = queueLimits(source.session);
    const options: SessionOptions = {
      name: source.name,
      ...source.session,
      // Only what was verified, too, of files beside the model.
      ...(trusted && { externalData }),
      // Requests are made here by the gate, which does not go by what else is under way.
      inline: 'never',
      // Those who wait do so here, too: the session has what the threads hand over to it.
      maxQueue: Math.max(MAX_QUEUE, maxQueue, threads * 2 * parallel),
      maxQueueBytes: Math.max(Number.MAX_SAFE_INTEGER, maxQueueBytes),
    };
    const statistics = new RequestStatistics(sharedCounters(threads));
    if (source.serving?.isolation !== 'process') {
      const session = await InferenceSession.create(model as Uint8Array, options);
      return new ServedModel(source, session, pool, limits, statistics);
    }
    if (threads > 1 && typeof options.decrypt === 'function') {
      throw new OnliteError(
        'ERR_UNSUPPORTED',
        'isolation: a key that a function gives is for servers of one thread',
      );
    }
    const isolated = { model, options };
    const child = new ModelProcess(isolated);
    await child.start();
    const latency = sharedLatency(threads);
    const session = new IsolatedSession(child, latency);
    const own = { model: isolated, process: child, latency };
    return new ServedModel(source, session, pool, limits, statistics, own);
  }

  /** What another thread has loaded, with its weights. @throws OnliteError as `InferenceSession.attach` */
  static attach(
    { source, handle, isolated, counters }: SharedModel,
    pool: TensorPool,
    limits: BindingLimits,
    thread: number,
  ): ServedModel {
    const statistics = new RequestStatistics(counters, thread);
    if (handle !== undefined) {
      return new ServedModel(source, InferenceSession.attach(handle), pool, limits, statistics);
    }
    if (isolated === undefined) throw new Error('there is no model to attach to');
    const { model, facts, latency } = isolated;
    const child = new ModelProcess(model, facts);
    const session = new IsolatedSession(child, latency, thread);
    const own = { model, process: child, latency };
    const made = new ServedModel(source, session, pool, limits, statistics, own);
    // It tries again by itself.
    child.start().catch(() => undefined);
    return made;
  }

  /** What `attach` takes in another thread, as `postMessage` carries it. */
  share(): SharedModel {
    const { name, version, file, serving } = this;
    const own = this.#isolated;
    return {
      source: { name, version, file, session: this.#session, serving },
      handle: this.session instanceof InferenceSession ? this.session.share() : undefined,
      isolated: own && { model: own.model, facts: own.process.facts, latency: own.latency },
      counters: this.statistics.counters,
    };
  }

  /** Milliseconds of requests that say nothing of it. */
  get timeoutMs(): number | undefined {
    return this.serving.timeoutMs;
  }

  /** Why it is not ready, though it is loaded; undefined if it is, as far as this thread knows. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** Whether no thread has a problem with it. */
  get isHealthy(): boolean {
    return this.statistics.problems === 0;
  }

  /** The process that it is in, if that is one of its own. */
  get pid(): number | undefined {
    return this.#isolated?.process.pid;
  }

  #isStuck(problem: string | undefined): void {
    if (problem === undefined || this.#isolated === undefined) {
      this.#hasProblem(problem);
      return;
    }
    this.watchdog?.forget();
    this.#isolated.process.kill(problem);
  }

  #hasProblem(problem: string | undefined): void {
    if (problem === this.#problem || this.#isOver) return;
    this.#problem = problem;
    this.statistics.hasProblem(problem !== undefined);
    // The end of what nobody was told of, such as the first start, is nothing to tell.
    if (problem !== undefined || this.#isTold) this.onProblem?.(problem);
    this.#isTold = problem !== undefined && this.onProblem !== undefined;
  }

  /** Whether runs of several requests are gathered. */
  get batches(): boolean {
    return this.#session.batching !== undefined;
  }

  /** Whether shapes have the model's fixed dimensions. */
  get isFixed(): boolean {
    return !this.#resizes;
  }

  /** @throws ModelError bad-request for a name that there is not */
  signature(name = ''): Signature {
    const asked = name === '' ? (this.serving.defaultSignature ?? DEFAULT_SIGNATURE) : name;
    const found = this.signatures.get(asked);
    if (found !== undefined) return found;
    const names = [...this.signatures.keys()].join(', ');
    throw new ModelError('bad-request', `signature_name: expected one of ${names}, got '${asked}'`);
  }

  /**
   * Memory for one request. Its shapes have been checked, and that the request really has so much.
   *
   * @throws ModelError bad-request if the signature has an input that cannot be fed
   * @throws OnliteError ERR_POOL_EXHAUSTED, or as `session.bind`
   */
  lease(signature: Signature, shapes: InputShapes): Lease {
    if (signature.unusable !== undefined) throw new ModelError('bad-request', signature.unusable);
    if (this.#retired !== undefined) {
      throw new ModelError('not-ready', `version ${this.version} of '${this.name}' is unloading`);
    }
    let bindings = this.#bindings.get(signature);
    if (bindings === undefined) {
      bindings = new Bindings(this.session, signature, this.#pool, this.#limits);
      this.#bindings.set(signature, bindings);
    }
    const bound = bindings.take(shapes);
    this.#leases++;
    return new Lease(this, signature, bindings, bound, shapes);
  }

  /** A lease has ended. @internal */
  ended(): void {
    if (--this.#leases === 0) this.#onIdle?.();
  }

  /** Refuses new requests, waits for those under way, and releases the session. */
  retire(): Promise<void> {
    this.#retired ??= this.#retire();
    return this.#retired;
  }

  async #retire(): Promise<void> {
    await new Promise<void>((resolve) => {
      this.#onIdle = resolve;
      if (this.#leases === 0) resolve();
    });
    this.#isOver = true;
    this.watchdog?.stop();
    for (const bindings of this.#bindings.values()) bindings.dispose();
    await this.session.release();
  }
}
