import { isAbsolute } from 'node:path';

import type { InferenceSession as CommonSession } from 'onnxruntime-common';

import { checkBatching, type BatchingOptions } from './batching-options';
import {
  assignDefined,
  checkArray,
  checkOptions,
  checkString,
  configEntries,
  optionalBoolean,
  optionalChoice,
  optionalInteger,
  optionalString,
  ownProperties,
  withoutPrototype,
  type Unchecked,
} from '../../checks';
import { invalidArgument } from '../../errors';
import { absolutePath } from '../../files';
import { checkKeySource, type ModelKeySource } from '../../model-key';
import {
  threadCount,
  type NativeProviderRequest,
  type NativeSessionOptions,
} from '../addon/native';
import type { ProviderDevice } from '../runtime/provider-devices';
import { checkLimits, type Limits } from '../run/run-options';
import { checkExternalData, type SourceOptions } from './model-source';

/** An execution provider (ONNX) or delegate (TensorFlow Lite) with its options. */
export interface ExecutionProviderOption {
  readonly name: string;
  /**
   * ONNX: which of the provider's devices (`runtimeInfo().runtimes.onnxruntime.devices`): one of
   * them, or the first of a type. By default the provider chooses, or the first if it was registered.
   */
  readonly device?: ProviderDevice | 'cpu' | 'gpu' | 'npu';
  readonly [option: string]: unknown;
}

/** A provider's name, or the name and the options that it has. */
export type ExecutionProviderConfig =
  string | ExecutionProviderOption | CommonSession.ExecutionProviderConfig;

/** External data of an ONNX model: a file's `location` as the model names it, and its bytes. */
export interface ExternalDataFile {
  path: string;
  data: Uint8Array | ArrayBufferLike | Blob | string;
}

/**
 * How a session is made. All of onnxruntime-common's keys are accepted; one that
 * cannot apply to the model's engine has no effect. Any other key is an error.
 */
export interface SessionOptions {
  /**
   * In order of preference. ONNX: `'cpu'` (default), `'cuda'`, `'tensorrt'`,
   * `'webgpu'`, … as the library has them; TensorFlow Lite: `'xnnpack'`
   * (default) or `'cpu'`, the built-in kernels. A provider that is missing, or
   * refuses the model (XNNPACK may do so as late as with a run's shapes), is an
   * error unless another one follows it.
   */
  executionProviders?: readonly ExecutionProviderConfig[];
  /**
   * Threads inside one run. 0 or left out: ONNX Runtime shares one pool of all
   * cores between sessions; TensorFlow Lite uses 1.
   */
  intraOpNumThreads?: number;
  /** ONNX with `executionMode: 'parallel'`: threads across operators. */
  interOpNumThreads?: number;
  /**
   * Runs of this session that may be in flight at once. Default 1, and always so with WebGPU, whose
   * sessions take turns in the whole process.
   */
  concurrency?: number;
  /** Runs that may wait; one more is ERR_QUEUE_FULL. Default 1024. */
  maxQueue?: number;
  /**
   * Bytes of the feeds that runs hold copies of while they wait; one more that would exceed it
   * is ERR_QUEUE_FULL, unless none waits. Default 1 GiB. Feeds in memory of a pool that are
   * used in place are not copied.
   */
  maxQueueBytes?: number;
  /**
   * Gather concurrent runs into one, for models whose first dimension is dynamic
   * in every input and output; ERR_UNSUPPORTED for others and for models with
   * variables. Runs that are gathered may overtake those that are not.
   */
  batching?: BatchingOptions;
  /**
   * TensorFlow Lite: let inputs take other sizes than the fixed ones that the model declares, such
   * as an image of another size or a batch. Feeds decide; metadata stays as declared. What the model
   * cannot do at a size is ERR_SHAPE_MISMATCH. ERR_UNSUPPORTED for ONNX, whose fixed dims are part
   * of the graph. Default false.
   */
  resizeInputs?: boolean;
  /**
   * Whether `run` may do its work on the calling thread. `'auto'` (default): if 99 of 100 runs
   * of the session take less than 20 µs inside the runtime, less than handing them to a thread
   * and back would cost the calling one, and none of its runs is under way. Such runs take turns with
   * runs on threads, so that the event loop goes on after about a millisecond. Not with `signal`,
   * `timeoutMs` or `batching`, nor while the channel `onlite:run` has subscribers.
   * An object: the same with other limits. `'never'`: always on a thread.
   */
  inline?: 'auto' | 'never' | InlineLimits;
  /** Map the model's file instead of reading it; such a file may be replaced by rename only. */
  mmap?: boolean;
  /** Record latency histograms. Default true. */
  latency?: boolean;
  /**
   * What metrics and traces call the model: 1 to 256 characters. By default the name of its
   * file without the extension; `'unnamed'` for bytes.
   */
  name?: string;
  /** Run once on zeros before `create` resolves; see {@link InferenceSession.warmUp}. */
  warmUp?: boolean;
  /**
   * `'low'`: load on a thread of lower priority than the process's others have, so that runs of other sessions go
   * on as if nothing was loaded; on a busy machine it takes longer. The session's own threads have the ordinary
   * priority. Without effect where that could not be seen to: for ONNX providers other than `'cpu'`, and with
   * `customOps` or `session.intra_op_thread_affinities`. Default `'normal'`.
   */
  loadPriority?: 'normal' | 'low';
  /**
   * Aborting rejects `create` at once with ERR_CANCELLED. ONNX Runtime stops loading as soon as
   * it can; TensorFlow Lite goes on, and what it has loaded is freed.
   */
  signal?: AbortSignal;
  /** After so many milliseconds, waiting included, `create` is rejected with ERR_TIMEOUT. */
  timeoutMs?: number;
  /**
   * External data of an ONNX model that is not to be read from the model's folder. Otherwise the
   * runtime maps the files in place: while the session lives they may be replaced by rename only.
   */
  externalData?: readonly (ExternalDataFile | string)[];
  /**
   * Whether external data may be reached by links. By default it must lie in the model's folder,
   * or in the folder of the file that the model's path links to (as in Hugging Face's cache),
   * after symbolic links are followed; a hard link is a file like another. `false`, for models of
   * strangers: no symbolic link on the way and no file that has another name.
   */
  externalDataLinks?: boolean;
  /**
   * The key of a model that `onlite encrypt` or `onlite/security` has encrypted, or a function that is
   * given the name of the key that the file's header has and gives the key. The plain model is in
   * memory alone. A model that is not encrypted is then ERR_MODEL_INVALID: nobody without the key can
   * put one in its place. Files of external data are not encrypted with it; see `externalData`.
   */
  decrypt?: ModelKeySource;
  freeDimensionOverrides?: Readonly<Record<string, number>>;
  graphOptimizationLevel?: 'disabled' | 'basic' | 'extended' | 'layout' | 'all';
  enableCpuMemArena?: boolean;
  enableMemPattern?: boolean;
  executionMode?: 'sequential' | 'parallel';
  /** Where ONNX Runtime writes the optimised model. */
  optimizedModelFilePath?: string;
  /** Such a session's runs take turns, on threads of its own. */
  enableProfiling?: boolean;
  profileFilePrefix?: string;
  logId?: string;
  /**
   * What ONNX Runtime writes to stderr: 0 verbose, 1 info, 2 warning, 3 error, 4 fatal (default:
   * what goes wrong is thrown).
   */
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
  logVerbosityLevel?: number;
  /** Accepted for compatibility; outputs are in ordinary memory. */
  preferredOutputLocation?: Required<CommonSession.SessionOptions>['preferredOutputLocation'];
  /** Accepted for compatibility; without effect. */
  enableGraphCapture?: boolean;
  /**
   * ONNX: libraries of custom operators, which are loaded into the process and stay there: files
   * that export `RegisterCustomOps` (onnxruntime_c_api.h). ERR_UNSUPPORTED for TensorFlow Lite,
   * which has no entry point for such libraries.
   */
  customOps?: readonly string[];
  /** ONNX Runtime's session configuration entries, nested or dotted; passed through. */
  extra?: Record<string, unknown>;
}

/** Which sessions make their runs on the calling thread; see {@link SessionOptions.inline}. */
export interface InlineLimits {
  /** What a run may take inside the runtime, up to 1000. */
  readonly maxMicroseconds: number;
  /**
   * How many of 100 runs have to take less, 50 to 99; default 99. So many runs are made on
   * threads before the first that is not as make up for one slow run: 99 at 99, three at 75.
   */
  readonly percentile?: number;
}

export const sessionOptionKeys: ReadonlySet<string> = new Set<keyof SessionOptions>([
  'executionProviders',
  'intraOpNumThreads',
  'interOpNumThreads',
  'concurrency',
  'maxQueue',
  'maxQueueBytes',
  'batching',
  'resizeInputs',
  'inline',
  'mmap',
  'latency',
  'name',
  'warmUp',
  'loadPriority',
  'signal',
  'timeoutMs',
  'externalData',
  'externalDataLinks',
  'decrypt',
  'freeDimensionOverrides',
  'graphOptimizationLevel',
  'enableCpuMemArena',
  'enableMemPattern',
  'executionMode',
  'optimizedModelFilePath',
  'enableProfiling',
  'profileFilePrefix',
  'logId',
  'logSeverityLevel',
  'logVerbosityLevel',
  'preferredOutputLocation',
  'enableGraphCapture',
  'customOps',
  'extra',
]);

const optimizationLevels = new Map([
  ['disabled', 0],
  ['basic', 1],
  ['extended', 2],
  ['layout', 3],
  ['all', 99],
]);

const executionModes = new Map([
  ['sequential', false],
  ['parallel', true],
]);

const loadPriorities = new Map([
  ['normal', false],
  ['low', true],
]);

const path = 'options';
const maxThreads = Math.max(1024, threadCount);
const maxConcurrency = 1024;
const maxProviders = 64;
const deviceTypes: ReadonlySet<string> = new Set(['cpu', 'gpu', 'npu']);
const maxCustomOps = 64;
const defaultQueueBytes = 2 ** 30;
const maxNameLength = 256;
const inlineKeys: ReadonlySet<string> = new Set<keyof InlineLimits>([
  'maxMicroseconds',
  'percentile',
]);
const defaultInlineMicroseconds = 20;
const defaultInlinePercentile = 99;
const maxInlineMicroseconds = 1000;

/** Checked options of a session, by who uses them. */
export interface CheckedSessionOptions {
  /** For the addon. */
  readonly native: NativeSessionOptions;
  readonly source: SourceOptions;
  readonly decrypt: ModelKeySource | undefined;
  readonly limits: Limits;
  readonly name: string | undefined;
  readonly warmUp: boolean;
}

/**
 * The user's options, each read once.
 *
 * @throws OnliteError ERR_INVALID_ARGUMENT naming the option.
 */
export function checkSessionOptions(value: unknown): CheckedSessionOptions {
  const options = checkOptions(value, path, sessionOptionKeys);
  const native = nativeOptions(options);
  // Without effect, and yet no place for nonsense.
  optionalBoolean(options, 'enableGraphCapture', path);
  return {
    native,
    source: {
      mmap: optionalBoolean(options, 'mmap', path) ?? false,
      externalDataLinks: optionalBoolean(options, 'externalDataLinks', path) ?? true,
      externalData: checkExternalData(options['externalData']),
    },
    decrypt: checkKeySource(options['decrypt'], `${path}.decrypt`),
    limits: checkLimits(options, path),
    name: sessionName(options),
    warmUp: optionalBoolean(options, 'warmUp', path) ?? false,
  };
}

function nativeOptions(options: Unchecked): NativeSessionOptions {
  const native = withoutPrototype<NativeSessionOptions>({
    executionProviders: providers(options['executionProviders']),
    intraOpNumThreads: optionalInteger(options, 'intraOpNumThreads', path, 0, maxThreads) ?? 0,
    interOpNumThreads: optionalInteger(options, 'interOpNumThreads', path, 0, maxThreads) ?? 0,
    concurrency: optionalInteger(options, 'concurrency', path, 1, maxConcurrency) ?? 1,
    maxQueue: optionalInteger(options, 'maxQueue', path, 0, 0x7fff_ffff) ?? 1024,
    maxQueueBytes:
      optionalInteger(options, 'maxQueueBytes', path, 0, Number.MAX_SAFE_INTEGER) ??
      defaultQueueBytes,
    latency: optionalBoolean(options, 'latency', path) ?? true,
    lowLoadPriority: optionalChoice(options, 'loadPriority', path, loadPriorities) ?? false,
    ...inlineLimits(options['inline']),
    parallelExecution: optionalChoice(options, 'executionMode', path, executionModes) ?? false,
    freeDimensionOverrides: freeDimensions(options['freeDimensionOverrides']),
    configEntries: configEntries(options['extra'], `${path}.extra`),
  });
  assignDefined(native, {
    batching: checkBatching(options['batching'], `${path}.batching`),
    graphOptimizationLevel: optionalChoice(
      options,
      'graphOptimizationLevel',
      path,
      optimizationLevels,
    ),
    resizeInputs: optionalBoolean(options, 'resizeInputs', path),
    enableCpuMemArena: optionalBoolean(options, 'enableCpuMemArena', path),
    enableMemPattern: optionalBoolean(options, 'enableMemPattern', path),
    optimizedModelFilePath: outputPath(options, 'optimizedModelFilePath'),
    profilePrefix: profilePrefix(options),
    customOps: customOps(options['customOps']),
    logId: optionalString(options, 'logId', path),
    logSeverityLevel: optionalInteger(options, 'logSeverityLevel', path, 0, 4),
    logVerbosityLevel: optionalInteger(options, 'logVerbosityLevel', path, 0, 0x7fff_ffff),
  });
  return native;
}

function sessionName(options: Unchecked): string | undefined {
  const name = optionalString(options, 'name', path);
  if (name !== undefined && (name === '' || name.length > maxNameLength)) {
    throw invalidArgument(`${path}.name`, `1 to ${maxNameLength} characters`, name);
  }
  return name;
}

/** In the working directory of this moment: the file is written later. */
function outputPath(options: Unchecked, key: string): string | undefined {
  const file = optionalString(options, key, path);
  return file === undefined || file === '' ? file : absolutePath(file);
}

function profilePrefix(options: Unchecked): string | undefined {
  const prefix = outputPath(options, 'profileFilePrefix');
  if (optionalBoolean(options, 'enableProfiling', path) !== true) return undefined;
  return prefix === undefined || prefix === '' ? absolutePath('onnxruntime_profile_') : prefix;
}

function customOps(value: unknown): string[] | undefined {
  if (value === undefined) return undefined;
  const where = `${path}.customOps`;
  return checkArray(value, where, maxCustomOps).map((item, index) => {
    const file = checkString(item, `${where}[${index}]`);
    if (file === '') throw invalidArgument(`${where}[${index}]`, 'a path', item);
    const library = absolutePath(file);
    // Never looked for where the system looks for libraries.
    if (isAbsolute(library)) return library;
    throw invalidArgument(`${where}[${index}]`, 'an absolute path without a working folder', item);
  });
}

function inlineLimits(value: unknown): Pick<NativeSessionOptions, 'inlineNs' | 'inlinePercentile'> {
  const where = `${path}.inline`;
  const limits = (microseconds: number, inlinePercentile = defaultInlinePercentile) => ({
    inlineNs: Math.round(microseconds * 1000),
    inlinePercentile,
  });
  if (value === undefined || value === 'auto') return limits(defaultInlineMicroseconds);
  if (value === 'never') return limits(0);
  if (typeof value !== 'object' || value === null) {
    throw invalidArgument(where, "'auto', 'never' or {maxMicroseconds}", value);
  }
  const options = checkOptions(value, where, inlineKeys);
  const percentile = optionalInteger(options, 'percentile', where, 50, 99);
  const limit = options['maxMicroseconds'];
  if (typeof limit === 'number' && limit >= 0 && limit <= maxInlineMicroseconds) {
    return limits(limit, percentile);
  }
  throw invalidArgument(`${where}.maxMicroseconds`, `0 to ${maxInlineMicroseconds}`, limit);
}

function freeDimensions(value: unknown): [string, string][] {
  if (value === undefined) return [];
  const where = `${path}.freeDimensionOverrides`;
  if (typeof value !== 'object' || value === null) throw invalidArgument(where, 'an object', value);
  return Object.entries(ownProperties(value)).map(([name, size]) => {
    if (typeof size !== 'number' || !Number.isSafeInteger(size) || size < 0) {
      throw invalidArgument(`${where}.${name}`, 'a non-negative integer', size);
    }
    return [checkString(name, where), String(size)];
  });
}

function providers(value: unknown): NativeProviderRequest[] {
  if (value === undefined) return [];
  const where = `${path}.executionProviders`;
  return checkArray(value, where, maxProviders).map((item, index) =>
    provider(item, `${where}[${index}]`),
  );
}

function provider(item: unknown, where: string): NativeProviderRequest {
  if (typeof item === 'string') return { name: providerName(item, where), options: [] };
  if (typeof item !== 'object' || item === null) {
    throw invalidArgument(where, 'a name or an object with a name', item);
  }
  const { name, device, ...rest } = ownProperties(item);
  const known = providerName(name, `${where}.name`);
  const options: [string, string][] = [];
  for (const [key, value] of Object.entries(rest)) {
    if (value === undefined) continue;
    if (typeof value !== 'string' && typeof value !== 'number' && typeof value !== 'boolean') {
      throw invalidArgument(`${where}.${key}`, 'a string, number or boolean', value);
    }
    const text = typeof value === 'boolean' ? Number(value) : value;
    options.push([optionName(known, checkString(key, where)), checkString(String(text), where)]);
  }
  return { name: known, options, ...chosenDevice(device, `${where}.device`) };
}

function chosenDevice(
  device: unknown,
  where: string,
): Pick<NativeProviderRequest, 'deviceIndex' | 'deviceType'> {
  if (device === undefined) return {};
  if (typeof device === 'string' && deviceTypes.has(device)) return { deviceType: device };
  const index =
    typeof device === 'object' && device !== null ? ownProperties(device)['index'] : undefined;
  if (typeof index === 'number' && Number.isSafeInteger(index) && index >= 0) {
    return { deviceIndex: index };
  }
  throw invalidArgument(where, "a device of runtimeInfo(), 'cpu', 'gpu' or 'npu'", device);
}

/** `'cuda'` and ONNX Runtime's own `'CUDAExecutionProvider'` are the same. */
function providerName(name: unknown, where: string): string {
  const known = checkString(name, where)
    .toLowerCase()
    .replace(/executionprovider$/, '');
  if (known === '') throw invalidArgument(where, 'a name', name);
  return known;
}

/** onnxruntime-common writes `deviceId` where CUDA's and TensorRT's own options say `device_id`. */
function optionName(provider: string, key: string): string {
  if (provider !== 'cuda' && provider !== 'tensorrt') return key;
  return key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}
