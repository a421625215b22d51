import { PROTOCOLS } from './protocols';

/**
 * Of a request that a model has answered, one after the other: until its body is there, until the model is
 * asked to run, until its turn has come, until it has run, and until the answer is written; and all of it.
 */
export const REQUEST_PHASES = ['read', 'parse', 'queue', 'run', 'print', 'total'] as const;
export type RequestPhase = (typeof REQUEST_PHASES)[number];

/** Upper edges of buckets in seconds: 1, 2.5 and 5 of each decade, as `onlite/metrics` has them. */
export const LATENCY_EDGES: readonly number[] = [
  1e-6, 2.5e-6, 5e-6, 1e-5, 2.5e-5, 5e-5, 1e-4, 2.5e-4, 5e-4, 1e-3, 2.5e-3, 5e-3, 0.01, 0.025, 0.05,
  0.1, 0.25, 0.5, 1, 2.5, 5, 10,
];

/** The same in the unit of `performance.now()`, which is what is recorded. */
const EDGES_MS = Float64Array.from(LATENCY_EDGES, (edge) => edge * 1e3);

/** A counter for each bucket, one for what is above all, and the sum. */
const SLOTS = LATENCY_EDGES.length + 2;
const SUM = SLOTS - 1;
const PHASE_SLOTS = SLOTS;
const PROTOCOL_SLOTS = REQUEST_PHASES.length * PHASE_SLOTS;

/** Doubles of a thread's histograms. */
export const LATENCY_DOUBLES = PROTOCOLS.length * PROTOCOL_SLOTS;

/** A histogram as Prometheus has it. */
export interface LatencyValues {
  /** Of samples at or below each of {@link LATENCY_EDGES}. */
  readonly counts: readonly number[];
  readonly count: number;
  /** Seconds. */
  readonly sum: number;
}

/**
 * Times of requests by protocol and phase in memory that threads share: each has a row of its own that it
 * alone writes. To record is some additions to memory that is there.
 */
export class LatencyHistograms {
  readonly #all: Float64Array;
  readonly #own: Float64Array;

  /** @param all - `LATENCY_DOUBLES` for each thread */
  constructor(all: Float64Array, thread: number) {
    this.#all = all;
    this.#own = all.subarray(thread * LATENCY_DOUBLES, (thread + 1) * LATENCY_DOUBLES);
  }

  /** Records all phases of a request by the times of `performance.now()` at which they begin and end. */
  record(
    protocol: number,
    startedAt: number,
    readAt: number,
    askedAt: number,
    ranFrom: number,
    ranUntil: number,
    endedAt: number,
  ): void {
    this.#record(protocol, 0, readAt - startedAt);
    this.#record(protocol, 1, askedAt - readAt);
    this.#record(protocol, 2, ranFrom - askedAt);
    this.#record(protocol, 3, ranUntil - ranFrom);
    this.#record(protocol, 4, endedAt - ranUntil);
    this.#record(protocol, 5, endedAt - startedAt);
  }

  #record(protocol: number, phase: number, milliseconds: number): void {
    const start = protocol * PROTOCOL_SLOTS + phase * PHASE_SLOTS;
    const bucket = start + bucketOf(milliseconds);
    const own = this.#own;
    own[bucket] = (own[bucket] ?? 0) + 1;
    own[start + SUM] = (own[start + SUM] ?? 0) + milliseconds;
  }

  /**
   * Of all threads; undefined where nothing was recorded.
   *
   * @param phase - by its place in {@link REQUEST_PHASES}
   */
  values(protocol: number, phase: number): LatencyValues | undefined {
    const sums = new Array<number>(SLOTS).fill(0);
    const start = protocol * PROTOCOL_SLOTS + phase * PHASE_SLOTS;
    for (let at = start; at < this.#all.length; at += LATENCY_DOUBLES) {
      for (let slot = 0; slot < SLOTS; slot++) {
        sums[slot] = (sums[slot] ?? 0) + (this.#all[at + slot] ?? 0);
      }
    }
    let count = 0;
    const cumulative = sums.slice(0, SUM).map((samples) => (count += samples));
    if (count === 0) return undefined;
    return { counts: cumulative.slice(0, -1), count, sum: (sums[SUM] ?? 0) / 1e3 };
  }

  /** Seconds of a phase, of all threads and protocols. */
  seconds(phase: RequestPhase): number {
    const at = REQUEST_PHASES.indexOf(phase);
    return PROTOCOLS.reduce((sum, _, index) => sum + (this.values(index, at)?.sum ?? 0), 0);
  }
}

/** The first bucket whose edge is not below; one more than there are edges for what is above all. */
function bucketOf(milliseconds: number): number {
  let low = 0;
  let high = EDGES_MS.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((EDGES_MS[middle] ?? Infinity) < milliseconds) low = middle + 1;
    else high = middle;
  }
  return low;
}
