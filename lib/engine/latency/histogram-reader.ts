import { invalidArgument } from '../../errors';
import { encodeHdr } from './hdr-encoding';
import type { NativeHistogram } from '../addon/native';

/** Statistics of a histogram at one moment; all but `count` in nanoseconds, 0 without samples. */
export interface LatencySnapshot {
  readonly count: number;
  readonly min: number;
  readonly mean: number;
  /** Of the population. */
  readonly stddev: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  /** The 99.9th percentile. */
  readonly p999: number;
  readonly max: number;
}

/** The samples that share a counter of a histogram: those from `lowest` to `highest`. */
export interface HistogramBucket {
  readonly lowest: number;
  readonly highest: number;
  readonly count: number;
}

/**
 * What can be read from a latency histogram, the user's own or a session's.
 *
 * Values are nanoseconds. Those that differ by less than the histogram's
 * precision (1 % with 2 significant digits) are in one bucket and count as equal;
 * only `min` and `max` are exact. Each method reads the samples as they are then:
 * for several answers about the same samples take a {@link LatencyHistogram} by
 * `copy()` or `interval()` first.
 */
export abstract class HistogramReader {
  readonly #native: NativeHistogram;

  /** @internal */
  protected constructor(native: NativeHistogram) {
    this.#native = native;
  }

  /** How many samples there are. */
  get count(): number {
    return this.#native.countBetween(0, Number.MAX_SAFE_INTEGER);
  }

  /**
   * The value that `percentile` percent of the samples do not exceed, in
   * nanoseconds; 0 without samples.
   *
   * @param percentile - 0 to 100
   * @throws OnliteError ERR_INVALID_ARGUMENT for anything else.
   */
  percentile(percentile: number): number {
    if (typeof percentile !== 'number' || !(percentile >= 0 && percentile <= 100)) {
      throw invalidArgument('percentile', 'a number from 0 to 100', percentile);
    }
    return this.#native.percentile(percentile);
  }

  /** Count, minimum, mean, standard deviation, percentiles and maximum now. */
  snapshot(): LatencySnapshot {
    return toSnapshot(this.#native.statistics());
  }

  /**
   * How many samples are from `lowest` to `highest`, the samples of their buckets
   * included.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT unless both are numbers ≥ 0 (the
   *   upper one may be Infinity) and in order.
   */
  countBetween(lowest: number, highest: number): number {
    const from = checkBound(lowest, 'lowest');
    const to = checkBound(highest, 'highest');
    if (from > to) throw invalidArgument('highest', `at least ${from}`, highest);
    return this.#native.countBetween(from, to);
  }

  /**
   * How many samples are at or below `value`, as in a cumulative bucket of
   * Prometheus; the samples of the value's bucket included.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT unless it is a number ≥ 0.
   */
  countAtOrBelow(value: number): number {
    return this.#native.countBetween(0, checkBound(value, 'value'));
  }

  /** The buckets that have samples, from the lowest, as they were at the call. */
  *buckets(): Generator<HistogramBucket, void, undefined> {
    const values = this.#native.buckets();
    for (let index = 0; index + 2 < values.length; index += 3) {
      const [lowest = 0, highest = 0, count = 0] = values.subarray(index, index + 3);
      yield { lowest, highest, count };
    }
  }

  /**
   * The counts in HdrHistogram's V2 compressed encoding, in base64, for
   * `LatencyHistogram.decode` and every implementation of HdrHistogram. Minimum
   * and maximum are kept to the histogram's precision.
   *
   * @see http://hdrhistogram.org
   */
  encode(): string {
    return encodeHdr(this.#native.encode());
  }
}

function toSnapshot(values: Float64Array): LatencySnapshot {
  const at = (index: number): number => values[index] ?? 0;
  return {
    count: at(0),
    min: at(1),
    mean: at(2),
    stddev: at(3),
    p50: at(4),
    p90: at(5),
    p95: at(6),
    p99: at(7),
    p999: at(8),
    max: at(9),
  };
}

function checkBound(value: unknown, name: string): number {
  if (typeof value !== 'number' || !(value >= 0)) {
    throw invalidArgument(name, 'a number of at least 0', value);
  }
  return Math.min(value, Number.MAX_SAFE_INTEGER);
}
