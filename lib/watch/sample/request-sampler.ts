import { requireCount } from '../../checks';
import { invalidArgument } from '../../errors';
import { MOST_ROWS_READ, rowCount } from '../rows/feature-reader';
import type { RowTensors } from '../rows/row';
import { digestOf } from './left-out';

export interface SampleOptions {
  /** Share of the requests that are looked at, 0 to 1, whatever there are. Default: see `maxRowsPerSecond`. */
  readonly sample?: number;
  /**
   * Rows a second that are looked at: all of them while there are no more; of more a share, which is
   * found anew each second. A row with many elements counts as one for each 2,048 of its inputs' and
   * outputs'. Default 250; where there is a `sample`, no limit.
   */
  readonly maxRowsPerSecond?: number;
}

/** Requests that nobody has looked at. */
export interface SkippedRequests {
  readonly count: number;
  /** Digests of the ids of those that have one. */
  readonly ids: Uint32Array;
  /** Of those that failed. */
  readonly errors: readonly SkippedError[];
}

export interface SkippedError {
  readonly error: unknown;
  /** Milliseconds since 1970. */
  readonly time: number;
}

const MOST_ROWS = 250;
/** Elements of a row that take about as long as all else that is done for it. */
const ELEMENTS = 2048;
const PERIOD_MS = 1000;
const MOST_STRIDE = 2 ** 30;
/** Ids and errors that wait until they are told of; of more only the number is known. */
const MOST_WAITING = 4096;

/**
 * Chooses the requests that are looked at: one of each so many in a row, its stride, each of them with the
 * same probability (stratified sampling). How long strides are is found each second from the one before,
 * and what has begun of one ends with its second: neither depends on which one of its requests is
 * chosen, so that sums over the chosen ones, each times what it stands for, have the expectation of the
 * sums over all (Horvitz and Thompson, A generalization of sampling without replacement from a finite
 * universe, 1952).
 */
export class RequestSampler {
  readonly #share: number;
  readonly #limit: number;
  #stride = 1;
  #nextStride = 1;
  /** Requests of this stride that are to come, and how many of them are when one is chosen. */
  #left = 0;
  #chosen = 0;
  /** Requests of this period, those of them that were looked at, and the rows of those. */
  #asked = 0;
  #looks = 0;
  #looked = 0;
  /** Rows of a request, in the last period of which one was looked at. */
  #rows = 1;
  /** With more of them the stride grows before the period is over. */
  #allowed: number;
  #since: number | undefined;
  #skipped = 0;
  #ids = new Uint32Array(64);
  #named = 0;
  #errors: SkippedError[] = [];

  /**
   * @param samplers - that have the rows of a second together, each with requests of its own
   * @throws OnliteError ERR_INVALID_ARGUMENT
   */
  constructor({ sample, maxRowsPerSecond }: SampleOptions = {}, samplers = 1) {
    if (sample !== undefined && !(typeof sample === 'number' && sample >= 0 && sample <= 1)) {
      throw invalidArgument('sample', 'a share from 0 to 1', sample);
    }
    if (maxRowsPerSecond !== undefined) requireCount(maxRowsPerSecond, 'maxRowsPerSecond');
    this.#share = sample ?? 1;
    const limit = maxRowsPerSecond ?? (sample === undefined ? MOST_ROWS : Infinity);
    this.#limit = Math.ceil(limit / samplers);
    this.#allowed = this.#limit;
  }

  /**
   * How many requests the next one stands for; 0 for one that is not looked at.
   *
   * @param time - milliseconds since 1970; what is recorded later has its own
   */
  next(time = Date.now()): number {
    if (this.#share < 1 && Math.random() >= this.#share) return 0;
    if (this.#limit !== Infinity) this.#pass(Number.isFinite(time) ? time : Date.now());
    if (this.#left === 0) {
      this.#stride = this.#nextStride;
      this.#left = this.#stride;
      this.#chosen = this.#stride === 1 ? 1 : 1 + Math.floor(Math.random() * this.#stride);
    }
    return this.#left-- === this.#chosen ? this.#stride / this.#share : 0;
  }

  /** Another request has come. */
  #pass(now: number): void {
    const elapsed = now - (this.#since ??= now);
    if (elapsed >= PERIOD_MS || elapsed < 0) {
      if (this.#looks > 0) this.#rows = this.#looked / this.#looks;
      const perSecond = (this.#asked * this.#rows * 1000) / Math.max(elapsed, PERIOD_MS);
      const stride = Math.max(1, Math.ceil(perSecond / this.#limit));
      this.#nextStride = Math.min(stride, MOST_STRIDE);
      this.#since = now;
      this.#asked = this.#looks = this.#looked = this.#left = 0;
      this.#allowed = this.#limit;
    }
    this.#asked++;
  }

  /** One that was chosen is looked at: what that costs counts. Throws for nothing. */
  looked(inputs: RowTensors, outputs?: RowTensors): void {
    this.count(costOf(inputs, outputs));
  }

  /** One that was chosen is looked at, which costs as much as so many rows. @internal */
  count(rows: number): void {
    this.#looks++;
    this.#looked += rows;
    if (this.#looked <= this.#allowed) return;
    // Many more than in the second before: those that are looked at grow with their logarithm.
    this.#nextStride = Math.min(2 * this.#nextStride, MOST_STRIDE);
    this.#allowed = this.#looked + this.#limit / 4;
  }

  /** One that was not chosen has ended. */
  passed(requestId?: string, error?: unknown): void {
    this.#skipped++;
    if (requestId !== undefined && this.#named < MOST_WAITING) {
      if (this.#named === this.#ids.length) {
        const grown = new Uint32Array(2 * this.#named);
        grown.set(this.#ids);
        this.#ids = grown;
      }
      this.#ids[this.#named++] = digestOf(requestId);
    }
    if (error !== undefined && this.#errors.length < MOST_WAITING) {
      this.#errors.push({ error, time: Date.now() });
    }
  }

  /** Whether those that have passed had better be told of. */
  get isFull(): boolean {
    return Math.max(this.#named, this.#errors.length) >= MOST_WAITING / 2;
  }

  /** What has passed since the last call; undefined for nothing. */
  takeSkipped(): SkippedRequests | undefined {
    if (this.#skipped === 0) return undefined;
    const ids = this.#ids.slice(0, this.#named);
    const skipped = { count: this.#skipped, ids, errors: this.#errors };
    this.#skipped = 0;
    this.#named = 0;
    this.#errors = [];
    return skipped;
  }
}

/**
 * Rows, or as many as the elements take the time of. What cannot be read costs as little as a row, as
 * does what has so many rows that none of them is.
 */
export function costOf(inputs: RowTensors, outputs: RowTensors = {}): number {
  try {
    const rows = rowCount(inputs);
    if (rows > MOST_ROWS_READ) return 1;
    let elements = 0;
    for (const tensors of [inputs, outputs]) {
      for (const { data } of Object.values(tensors)) elements += data.length;
    }
    return Math.max(rows, Math.ceil(elements / ELEMENTS)) || 1;
  } catch {
    return 1;
  }
}
