import { availableParallelism } from 'node:os';

import type { NumericData } from '../tensor/element-type';
import { OnliteError, type OnliteErrorCode } from '../../errors';
import { settleJobs, settleSucceeded, succeededIds } from './jobs';
import { loadAddon } from './load';
import type { NativeNumbers } from './native-numbers';
import type { NativeObservation } from './native-observation';

/** The name of a runtime. */
export type Engine = 'onnxruntime' | 'tflite';

/** A library file to try and where the idea came from. */
export type LibraryCandidate = readonly [
  path: string,
  origin: string,
  /** Libraries to load before it. */
  dependencies?: readonly string[],
];

export interface NativeRuntimeDescription {
  loaded: boolean;
  path: string;
  origin: string;
  version: string;
  providers: string[];
  threadPools: string;
  devices: NativeProviderDevice[];
  tried: { path: string; origin: string; error: string }[];
}

export interface NativeProviderDevice {
  provider: string;
  type: 'cpu' | 'gpu' | 'npu';
  vendor: string;
  vendorId: number;
  deviceId: number;
  metadata: [string, string][];
}

export interface NativeValueInfo {
  name: string;
  kind: 'tensor' | 'sequence' | 'map' | 'other';
  /** ElementTypeInfo.code; 0 when it is not a tensor. */
  type: number;
  dims: number[];
  symbols: string[];
  optional: boolean;
  overridableInitializer: boolean;
  unknownRank: boolean;
  quantization?: { scale: number[]; zeroPoint: number[]; axis?: number };
}

export interface NativeSignature {
  key: string;
  inputs: NativeValueInfo[];
  outputs: NativeValueInfo[];
}

export interface NativeSessionInfo {
  engine: Engine;
  providers: string[];
  signatures: NativeSignature[];
  metadata: {
    producer: string;
    graphName: string;
    domain: string;
    description: string;
    version: bigint;
    custom: [string, string][];
  };
  hasVariables: boolean;
  /** A binding's runs are captured and replayed, and there is one at a time. */
  capturesGraphs: boolean;
  concurrency: number;
}

/** An External of private memory. */
export type NativeBytes = object & { readonly __nativeBytes: never };

export interface NativeModelSource {
  path?: string;
  bytes?: NativeBytes;
  externalData?: [location: string, bytes: NativeBytes][];
  mmap?: boolean;
  externalDataLinks?: boolean;
}

export interface NativeBatching {
  maxBatchSize: number;
  maxDelayMs: number;
  /** Ascending; empty: any. */
  allowedSizes: number[];
}

export interface NativeProviderRequest {
  name: string;
  options: [string, string][];
  /** Of {@link NativeRuntimeDescription.devices}. */
  deviceIndex?: number;
  deviceType?: string;
}

export interface NativeSessionOptions {
  executionProviders: NativeProviderRequest[];
  intraOpNumThreads: number;
  interOpNumThreads: number;
  concurrency: number;
  resizeInputs?: boolean;
  maxQueue: number;
  maxQueueBytes: number;
  latency: boolean;
  /** Load on a thread of a low priority. */
  lowLoadPriority: boolean;
  /** Runs that take less are made by the calling thread; 0 for none. */
  inlineNs: number;
  /** How many of 100 do, 50 to 99. */
  inlinePercentile: number;
  graphOptimizationLevel?: number;
  parallelExecution: boolean;
  enableCpuMemArena?: boolean;
  enableMemPattern?: boolean;
  optimizedModelFilePath?: string;
  profilePrefix?: string;
  logId?: string;
  logSeverityLevel?: number;
  logVerbosityLevel?: number;
  freeDimensionOverrides: [string, string][];
  configEntries: [string, string][];
  /** Absolute paths. */
  customOps?: string[];
  batching?: NativeBatching;
}

export interface NativeRunOptions {
  signature: number;
  /** Leave the run out of the histograms. */
  warmUp?: boolean;
  logSeverityLevel?: number;
  logVerbosityLevel?: number;
  tag?: string;
  configEntries?: [string, string][];
  /** ONNX Runtime writes the run's profile to a file whose path begins so. */
  profilePrefix?: string;
}

/**
 * [index, element type code, dims, data, {@link memoryKind}, …] for each tensor.
 * A sequence has {@link sequenceCode} as its type, and such an array of its items as data.
 * An output without data becomes an ArrayBuffer if it is `ordinary`, and is held
 * if it is `pooled`.
 */
export type NativeTensors = unknown[];

/** The element type code of a sequence of tensors. */
export const sequenceCode = 255;

/** What is promised of a tensor's memory for as long as native code may use it. */
export const memoryKind = {
  /** Nothing: it may be detached, resized or written at any time. */
  ordinary: 0,
  /** Never detached, moved or freed. */
  pooled: 1,
  /** Only the package can reach it. */
  private: 2,
  /** An output's that the run leaves alone: only its place is compared with the others'. */
  filledLater: 3,
} as const;

/** An External of a result that takeResult copies out. */
export type NativeHeld = object & { readonly __nativeHeld: never };

/**
 * A value that came out of a run: null if it was written into memory of the
 * caller's; a tensor; a sequence; a map of two tensors; an absent optional.
 */
export type NativeValue =
  | null
  | [kind: 0, type: number, dims: number[], data: ArrayBuffer | string[]]
  | [kind: 1, items: NativeValue[]]
  | [kind: 2, keys: NativeValue, values: NativeValue]
  | [kind: 3]
  /** A held tensor. */
  | [kind: 4, type: number, dims: number[], data: NativeHeld];

/** A histogram of the addon, JavaScript's own or a view of a session's, which cannot be written. */
export interface NativeHistogram {
  record(value: number): void;
  recordAll(values: Float64Array): void;
  add(other: NativeHistogram): void;
  /** [count, min, mean, stddev, p50, p90, p95, p99, p99.9, max]. */
  statistics(): Float64Array;
  percentile(percentile: number): number;
  countBetween(lowest: number, highest: number): number;
  /** [lowest, highest, count, …] of the counters that are not zero. */
  buckets(): Float64Array;
  /** [significant digits, highest value]. */
  layout(): Float64Array;
  /** HdrHistogram's V2 encoding, uncompressed. */
  encode(): Uint8Array;
  /** Of their own. */
  copy(): NativeHistogram;
  interval(): NativeHistogram;
  reset(): void;
}

/** A tensor of an operator: its type's number in the model's file. */
export interface NativeProfiledTensor {
  type: number;
  dims: number[];
  bytes: number;
}

/** One operator of a TensorFlow Lite profile (native/runtimes/operator_profile.h). */
export interface NativeProfiledOperator {
  /** -1 for the delegate's operators, which have no names and tensors either. */
  builtinCode: number;
  customName: string;
  outputName: string;
  inputs: NativeProfiledTensor[];
  outputs: NativeProfiledTensor[];
  kernel: string;
  subgraph: number;
  /** -1 for the model's own operators. */
  partition: number;
  /** -1 for a partition as a whole. */
  index: number;
  count: number;
  nanoseconds: number;
}

export interface NativeProfile {
  totalNs: number;
  operators: NativeProfiledOperator[];
  delegated: NativeProfiledOperator[];
}

/**
 * What a call of runSync says: the run was asked for asynchronously (inline), and every bound array
 * that could be detached has the bytes that it had, so that native code need not look (attached).
 */
export const runWay = { inline: 1, syncAttached: 2, inlineAttached: 3 } as const;

export interface NativeRunSync {
  (way?: typeof runWay.syncAttached): NativeValue[] | undefined;
  /** False, and nothing has happened, if a thread is to make the run. */
  (way: typeof runWay.inline | typeof runWay.inlineAttached): NativeValue[] | false | undefined;
}

/** A binding of the addon. Outputs without memory are dynamic: run gives their values. */
export interface NativeBinding {
  setInputs(inputs: NativeTensors): void;
  /**
   * @param flexible - results of other shapes are no error: then runs give every
   *   output, null for those that are in their memory. Of a session that batches
   *   asynchronous runs join batches, if all memory is private or a pool's.
   */
  setOutputs(outputs: NativeTensors, flexible?: boolean): void;
  /**
   * [output, input, …]: what the outputs hold becomes the inputs'. True if they have exchanged
   * their memory, false if it was copied.
   */
  carry(pairs: number[]): boolean;
  /**
   * What runs leave in a dynamic output stays in the runtime's memory: they do not give it, `carry`
   * has an input read it there, and `read` copies it. False if it does not stay.
   *
   * @param onDevice - where the model has run: `copyToHost` copies it, not `read`
   */
  keep(output: number, onDevice?: boolean): boolean;
  /** What is in a kept output, or with -1 for that, in an input that one has become. */
  read(output: number, input: number): NativeValue;
  /** The same of what is on the device; the job's result is the value. */
  copyToHost(id: number, output: number, input: number): void;
  /** Gives the runtime's memory back, if no run is under way. It cannot be run any more. */
  close(): void;
  /** The job's result is as runSync's. */
  run(id: number): void;
  /**
   * A function of the binding's own. The dynamic outputs in their order, or undefined.
   */
  readonly runSync: NativeRunSync;
}

/** A session of the addon. The asynchronous methods settle the job of their id. */
export interface NativeSession {
  info(): NativeSessionInfo;
  /** The providers in use now; {@link NativeSessionInfo} has them as they were at creation. */
  providers(): string[];
  run(id: number, inputs: NativeTensors, outputs: NativeTensors, options?: NativeRunOptions): void;
  /** @param inlined - of a run that was asked for asynchronously: false, and nothing has happened, if a thread is to make it */
  runSync(
    inputs: NativeTensors,
    outputs: NativeTensors,
    options?: NativeRunOptions,
    inlined?: boolean,
  ): NativeValue[] | false;
  /** Whether such a run had better be made here and now. */
  mayRunInline(): boolean;
  bind(signature: number): NativeBinding;
  /** The token for attachSession, always the same; `description` is what it gives. */
  share(description: string): string;
  /** The last of those that are attached destroys the session. */
  release(id: number): void;
  /** Somebody waits for a job that the release of this session waits for. */
  hasAwaitedRuns(): boolean;
  resetVariables(id: number): void;
  resetVariablesSync(): void;
  /** TensorFlow Lite only; the job's result is a NativeProfile. */
  profile(
    id: number,
    inputs: NativeTensors,
    outputs: NativeTensors,
    options: NativeRunOptions,
    runs: number,
  ): void;
  endProfiling(): string;
  latencyPhase(phase: number): NativeHistogram;
  /** The codes that a run has ever failed with. */
  latencyFailureCodes(): OnliteErrorCode[];
  latencyFailure(code: OnliteErrorCode): NativeHistogram;
  /** Since the last reset, or since it was last called with true. */
  latencyRejected(interval: boolean): number;
  latencyReset(): void;
  queueDepth(): number;
  /**
   * [rows, how many batches had so many, …].
   *
   * @param since - 1: the last reset; 2: the last call with 2, or reset
   */
  batchSizes(since?: 1 | 2): number[];
  /** The process's number for what is attached: the same in every thread. */
  number(): number;
  /** Somebody has not released it, perhaps another thread. */
  hasUsers(): boolean;
  /** Runs asked for asynchronously that JS threads have made themselves. */
  inlineRuns(): number;
  /** Tasks on executor threads; a batch is one. */
  runsInFlight(): number;
  /** Our own memory: [the model's, the histograms'] bytes. */
  memory(): Float64Array;
  /** Keep what was measured of each run until it is taken, or keep nothing. */
  observeRuns(kept: boolean): void;
  /**
   * [queue, bind, invoke, fetch, total in ns, rows of the batch] of the ended run of this id,
   * without one of the last synchronous run; -1 for what was not measured, 0 without a batch.
   */
  takeRunRecord(id?: number): Float64Array | undefined;
}

/** Everything the addon exports. */
export interface NativeAddon extends NativeNumbers, NativeObservation {
  initialise(config: {
    makeError: (code: OnliteErrorCode, message: string, cause?: string) => OnliteError;
    dispatch: (...completions: unknown[]) => void;
    /** Tells of the first so many ids in `succeeded`. */
    dispatchSucceeded: (count: number) => void;
    succeeded: Uint32Array;
    isMainThread: boolean;
    threads: number;
  }): void;
  /**
   * Waits for work that the end of the process must not overtake, a limited time; more is
   * refused. `code` is the process's. The addon calls it itself when the process exits.
   */
  prepareExit(code: number): void;
  /**
   * Stops a job whose promise was rejected with ERR_TIMEOUT or else ERR_CANCELLED.
   * True if the job had not started and will never be settled.
   */
  cancel(id: number, timedOut: boolean): boolean;
  /** Nobody waits for the job any more: it goes on, and is settled without a result. */
  disown(id: number): void;
  /** [threads for runs, those of them that are lost, the same of loads]; see RuntimeInfo.lostThreads. */
  executorThreads(): number[];
  createSession(
    id: number,
    source: NativeModelSource,
    options: NativeSessionOptions,
    candidates: Record<Engine, readonly LibraryCandidate[]>,
  ): void;
  /** A session that share has given this token of, and its description. */
  attachSession(token: string): [session: NativeSession, description: string];
  /**
   * A TCP socket that is bound, in digits, and does not listen yet; or what has failed. Not on
   * Windows.
   */
  openServerSocket(
    address: string,
    port: number,
    ipv6Only: boolean,
    reusePort: boolean,
  ): [descriptor: number, port: number, address: string] | [errno: number, systemCall: string];
  newHistogram(significantDigits: number, highest: number): NativeHistogram;
  /** Of HdrHistogram's V2 encoding, uncompressed. */
  decodeHistogram(bytes: Uint8Array): NativeHistogram;
  /** Copies a held result, once, into a typed array of exactly its bytes. */
  takeResult(held: NativeHeld, array: NumericData): void;
  allocateBytes(length: number): NativeBytes;
  copyBytes(bytes: NativeBytes, at: number, data: Uint8Array): void;
  /** What a file is that is no model, with the remedy, as createSession says it; '' if it may be one. */
  describeForeignFile(bytes: Uint8Array): string;
  /** Gives whole pages within the memory back to the system; how many bytes. */
  discardPages(memory: Uint8Array): number;
  /** Detaches the buffer of an array over all of it; whether it could. */
  releaseBytes(bytes: Uint8Array): boolean;
  /** Page-locks memory for CUDA, which must not be freed until it is unlocked; an empty one starts the driver. */
  pinMemory(memory: Uint8Array, library: string): void;
  /** @param memory - as it was locked */
  unpinMemory(memory: Uint8Array): void;
  /**
   * Asks NVIDIA's management library. The job's result: [uuid, name, total bytes, used bytes,
   * busy percent, memory busy percent, …], -1 for what is unknown.
   */
  sampleGpus(id: number, library: string): void;
  /** ONNX Runtime's; the job has no result. */
  registerProviderLibrary(
    id: number,
    name: string,
    path: string,
    candidates: readonly LibraryCandidate[],
  ): void;
  loadRuntime(engine: Engine, candidates: readonly LibraryCandidate[]): void;
  describeRuntime(engine: Engine): NativeRuntimeDescription;
}

/** The executor's threads, and the default of the runtimes' own pools. */
export const threadCount = availableParallelism();

let addon: NativeAddon | undefined;
let addonFile: string | undefined;

/**
 * The addon, loaded at first use.
 *
 * @throws OnliteError ERR_RUNTIME_NOT_FOUND when there is no binary for this platform.
 */
export function native(): NativeAddon {
  addon ??= load();
  return addon;
}

/** The addon's file, once it is loaded, unless it was handed in. */
export function addonPath(): string | undefined {
  return addonFile;
}

function load(): NativeAddon {
  const { addon: exports, file } = loadAddon();
  const loaded = exports as NativeAddon;
  loaded.initialise({
    makeError,
    dispatch: settleJobs,
    dispatchSucceeded: settleSucceeded,
    succeeded: succeededIds,
    isMainThread: workerThreads().isMainThread,
    threads: threadCount,
  });
  addonFile = file;
  return loaded;
}

/** Of classes of this copy's, and of its realm. */
function makeError(code: OnliteErrorCode, message: string, cause?: string): OnliteError {
  if (cause === undefined) return new OnliteError(code, message);
  return new OnliteError(code, message, { cause: new Error(cause) });
}

// Loaded when it is needed: a program that only requires this package does not wait for it.

function workerThreads(): typeof import('node:worker_threads') {
  return require('node:worker_threads') as typeof import('node:worker_threads');
}
