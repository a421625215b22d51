import {
  assignDefined,
  checkOptions,
  configEntries,
  optionalBoolean,
  optionalInteger,
  optionalString,
  type Unchecked,
} from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import type { NativeRunOptions } from '../addon/native';
import { isTensorPool, type TensorPool } from '../tensor/pool/tensor-pool';
import { isAbortSignal } from '../../realms';

/** How one run is made. Any other key is an error. */
export interface RunOptions {
  /** Aborting rejects the run at once with ERR_CANCELLED and stops it where the runtime can. */
  signal?: AbortSignal;
  /** After so many milliseconds, waiting included, the run is rejected with ERR_TIMEOUT. */
  timeoutMs?: number;
  /**
   * Where the tensors of the result come from, those of `fetches` aside. The
   * caller disposes them.
   */
  pool?: TensorPool;
  /** The signature whose names and subgraph are used (TensorFlow Lite). */
  signature?: string;
  logSeverityLevel?: 0 | 1 | 2 | 3 | 4;
  logVerbosityLevel?: number;
  /** `true`: the run is refused with ERR_CANCELLED. */
  terminate?: boolean;
  tag?: string;
  /** ONNX Runtime's run configuration entries, nested or dotted; passed through. */
  extra?: Record<string, unknown>;
}

export const runOptionKeys: ReadonlySet<string> = new Set<keyof RunOptions>([
  'signal',
  'timeoutMs',
  'pool',
  'signature',
  'logSeverityLevel',
  'logVerbosityLevel',
  'terminate',
  'tag',
  'extra',
]);

/** The largest delay of a Node timer. */
const maxTimeout = 0x7fff_ffff;

/** What ends a piece of work early. */
export interface Limits {
  readonly signal: AbortSignal | undefined;
  readonly timeoutMs: number | undefined;
}

/** Checked options of one run. */
export interface CheckedRunOptions extends Limits {
  pool: TensorPool | undefined;
  signature: string | undefined;
  /** Undefined when every option for the runtime has its default. */
  native: Omit<NativeRunOptions, 'signature'> | undefined;
}

const defaults: CheckedRunOptions = {
  signal: undefined,
  timeoutMs: undefined,
  pool: undefined,
  signature: undefined,
  native: undefined,
};

/** @throws OnliteError ERR_INVALID_ARGUMENT naming the option; ERR_CANCELLED for `terminate`. */
export function checkRunOptions(value: unknown): CheckedRunOptions {
  if (value === undefined) return defaults;
  const path = 'options';
  const options = checkOptions(value, path, runOptionKeys);
  const { signal, timeoutMs } = checkLimits(options, path);
  const pool = options['pool'];
  if (pool !== undefined && !isTensorPool(pool)) {
    throw invalidArgument(`${path}.pool`, 'a TensorPool', pool);
  }
  const native: NonNullable<CheckedRunOptions['native']> = {};
  assignDefined(native, {
    logSeverityLevel: optionalInteger(options, 'logSeverityLevel', path, 0, 4),
    logVerbosityLevel: optionalInteger(options, 'logVerbosityLevel', path, 0, maxTimeout),
    tag: optionalString(options, 'tag', path),
  });
  const entries = configEntries(options['extra'], `${path}.extra`);
  if (entries.length > 0) native.configEntries = entries;
  if (optionalBoolean(options, 'terminate', path) === true) {
    throw new OnliteError('ERR_CANCELLED', 'the run was cancelled: options.terminate is true');
  }
  return {
    signal,
    timeoutMs,
    pool,
    signature: optionalString(options, 'signature', path),
    native: Object.keys(native).length === 0 ? undefined : native,
  };
}

/** @throws OnliteError ERR_INVALID_ARGUMENT naming the option. */
export function checkLimits(options: Unchecked, path: string): Limits {
  const signal = options['signal'];
  if (signal !== undefined && !isAbortSignal(signal)) {
    throw invalidArgument(`${path}.signal`, 'an AbortSignal', signal);
  }
  const timeoutMs = options['timeoutMs'];
  if (
    timeoutMs !== undefined &&
    (typeof timeoutMs !== 'number' || !(timeoutMs >= 0 && timeoutMs <= maxTimeout))
  ) {
    throw invalidArgument(`${path}.timeoutMs`, `a number from 0 to ${maxTimeout}`, timeoutMs);
  }
  return { signal, timeoutMs };
}

/** @throws OnliteError ERR_INVALID_ARGUMENT for what cannot reach a run on the calling thread. */
export function requireSynchronous(options: CheckedRunOptions): void {
  const { signal, timeoutMs } = options;
  if (signal === undefined && timeoutMs === undefined) return;
  const key = signal === undefined ? 'timeoutMs' : 'signal';
  throw invalidArgument(`options.${key}`, 'nothing in a synchronous run', options[key]);
}

/** As {@link checkRunOptions}, of a binding's run. */
export function checkBoundRunOptions(options: unknown): CheckedRunOptions {
  const checked = checkRunOptions(options);
  const { signature, native, pool } = checked;
  if (signature === undefined && native === undefined && pool === undefined) return checked;
  throw invalidArgument('options', 'only signal and timeoutMs in a bound run', options);
}
