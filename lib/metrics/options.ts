import {
  checkArray,
  checkOptions,
  optionalBoolean,
  optionalString,
  type Unchecked,
} from '../checks';
import { invalidArgument } from '../errors';
import { EventLoopDelay, sharedEventLoopDelay } from './event-loop-delay';

/** What is collected and how it is divided. */
export interface MetricsOptions {
  /**
   * Upper edges of the run durations' buckets, in seconds, ascending. Default 1, 2.5 and 5 of
   * each decade from 1 µs to 10 s.
   */
  buckets?: readonly number[];
  /** Upper edges of the batch sizes' buckets, ascending. Default the powers of two to 1024. */
  batchBuckets?: readonly number[];
  /**
   * The event loop's delay too: one that is measured already, or true for one that is measured
   * from the first call on. Default false.
   */
  eventLoopDelay?: boolean | EventLoopDelay;
  /** The GPUs too, where NVIDIA's management library is there. Default true. */
  gpu?: boolean;
  /** Memory and CPU time of the process. Default true. */
  process?: boolean;
}

/** Options, checked and with their defaults. */
export interface CheckedMetricsOptions {
  readonly buckets: readonly number[];
  readonly batchBuckets: readonly number[];
  readonly eventLoopDelay: EventLoopDelay | undefined;
  readonly gpu: boolean;
  readonly process: boolean;
}

/** 1 µs to 10 s; each is the decimal that it looks like. */
const defaultBuckets: readonly number[] = [
  1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05,
  0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];
const defaultBatchBuckets: readonly number[] = Array.from({ length: 11 }, (_, power) => 2 ** power);

const metricsKeys = [
  'buckets',
  'batchBuckets',
  'eventLoopDelay',
  'gpu',
  'process',
] as const satisfies (keyof MetricsOptions)[];

const path = 'options';
const maxEdges = 1000;

/**
 * @param keys - further keys, which the caller checks
 * @throws OnliteError ERR_INVALID_ARGUMENT naming the option.
 */
export function checkMetricsOptions(
  value: unknown,
  keys: readonly string[] = [],
): { metrics: CheckedMetricsOptions; all: Unchecked } {
  const all = checkOptions(value, path, new Set([...metricsKeys, ...keys]));
  const metrics = {
    buckets: edges(all, 'buckets') ?? defaultBuckets,
    batchBuckets: edges(all, 'batchBuckets') ?? defaultBatchBuckets,
    eventLoopDelay: eventLoopDelay(all['eventLoopDelay']),
    gpu: optionalBoolean(all, 'gpu', path) ?? true,
    process: optionalBoolean(all, 'process', path) ?? true,
  };
  return { metrics, all };
}

/** @throws OnliteError ERR_INVALID_ARGUMENT unless it is undefined or begins with a slash. */
export function optionalPath(options: Unchecked, key: string): string | undefined {
  const value = optionalString(options, key, path);
  if (value !== undefined && !value.startsWith('/')) {
    throw invalidArgument(`${path}.${key}`, 'a path that begins with /', value);
  }
  return value;
}

function edges(options: Unchecked, key: string): readonly number[] | undefined {
  const value = options[key];
  if (value === undefined) return undefined;
  const where = `${path}.${key}`;
  const numbers = checkArray(value, where, maxEdges);
  if (numbers.length === 0) throw invalidArgument(where, 'at least one edge', value);
  let previous = 0;
  return numbers.map((edge, index) => {
    if (typeof edge !== 'number' || !Number.isFinite(edge) || edge <= previous) {
      const expected =
        index === 0 ? 'a finite number above 0' : `a finite number above ${previous}`;
      throw invalidArgument(`${where}[${index}]`, expected, edge);
    }
    previous = edge;
    return edge;
  });
}

function eventLoopDelay(value: unknown): EventLoopDelay | undefined {
  if (value === undefined || value === false) return undefined;
  if (value === true) return sharedEventLoopDelay();
  if (value instanceof EventLoopDelay) return value;
  throw invalidArgument(`${path}.eventLoopDelay`, 'a boolean or an EventLoopDelay', value);
}
