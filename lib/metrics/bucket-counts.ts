import type { HistogramValues } from './families';

interface Counter {
  readonly highest: number;
  count: number;
}

/**
 * Samples of log-linear histograms of one layout: those of live sessions and, added up, of
 * sessions that are gone. Values are nanoseconds.
 */
export class BucketCounts {
  readonly #counters = new Map<number, Counter>();

  /** @param buckets - lowest, highest, count, … as NativeHistogram.buckets gives them */
  add(buckets: Float64Array): void {
    for (let index = 0; index + 2 < buckets.length; index += 3) {
      this.#add(buckets[index] ?? 0, buckets[index + 1] ?? 0, buckets[index + 2] ?? 0);
    }
  }

  addAll(other: BucketCounts): void {
    for (const [lowest, { highest, count }] of other.#counters) this.#add(lowest, highest, count);
  }

  get count(): number {
    let count = 0;
    for (const counter of this.#counters.values()) count += counter.count;
    return count;
  }

  /**
   * As a classic histogram in seconds. A bucket that contains an edge is below it, as in
   * `countAtOrBelow`: an edge is up to 1 % higher than it says. The sum takes each sample
   * as its bucket's middle, within 0.5 %.
   *
   * @param edges - ascending, in seconds
   */
  toClassic(edges: readonly number[]): HistogramValues {
    const counts = edges.map(() => 0);
    let count = 0;
    // Of half nanoseconds, and exact, so that the sum never goes backwards.
    let sum = 0n;
    let part = 0;
    for (const [lowest, counter] of this.#counters) {
      const bucket = firstAtLeast(edges, lowest / 1e9);
      if (bucket < counts.length) counts[bucket] = (counts[bucket] ?? 0) + counter.count;
      count += counter.count;
      part += counter.count * (lowest + counter.highest);
      if (part >= 2 ** 52) {
        sum += BigInt(part);
        part = 0;
      }
    }
    for (let index = 1; index < counts.length; index++) {
      counts[index] = (counts[index] ?? 0) + (counts[index - 1] ?? 0);
    }
    return { counts, count, sum: Number(sum + BigInt(part)) / 2e9 };
  }

  /** The highest value of the bucket that the sample at this rank is in, in nanoseconds; 0 without samples. */
  quantile(quantile: number): number {
    const rank = Math.max(1, Math.ceil(quantile * this.count));
    let below = 0;
    const ascending = [...this.#counters].sort(([one], [other]) => one - other);
    for (const [, { highest, count }] of ascending) {
      below += count;
      if (below >= rank) return highest;
    }
    return 0;
  }

  #add(lowest: number, highest: number, count: number): void {
    const counter = this.#counters.get(lowest);
    if (counter === undefined) this.#counters.set(lowest, { highest, count });
    else counter.count += count;
  }
}

/** The index of the first element that is at least `value`; the length if none is. */
export function firstAtLeast(ascending: readonly number[], value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((ascending[middle] ?? Infinity) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}
