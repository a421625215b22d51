/** Statistics of some values, in the values' unit. */
export interface Summary {
  readonly count: number;
  readonly mean: number;
  readonly min: number;
  readonly p50: number;
  readonly p90: number;
  readonly p95: number;
  readonly p99: number;
  /** Only of more than 100,000 values: of fewer, too few lie beyond it to say anything. */
  readonly p999?: number;
  readonly max: number;
}

/** What the repetitions of a measurement gave, in its unit. */
export interface Spread {
  readonly median: number;
  /** 95 % confidence interval of the median; see {@link medianInterval}. */
  readonly interval: readonly [low: number, high: number];
  readonly min: number;
  readonly max: number;
}

const ascending = (values: Iterable<number>): Float64Array => Float64Array.from(values).sort();

/**
 * The smallest of the values that `percent` % of them do not exceed (nearest rank, no
 * interpolation); NaN without values.
 *
 * @param sorted - ascending
 * @param percent - 0 to 100
 */
export function percentile(sorted: ArrayLike<number>, percent: number): number {
  const rank = Math.max(Math.ceil((percent / 100) * sorted.length), 1);
  return sorted[rank - 1] ?? NaN;
}

/** The middle value, or the mean of the two middle ones; NaN without values. */
export function median(values: Iterable<number>): number {
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  const upper = sorted[middle] ?? NaN;
  return sorted.length % 2 === 1 ? upper : ((sorted[middle - 1] ?? NaN) + upper) / 2;
}

/** Count, mean, extremes and percentiles; NaN without values. */
export function summarize(values: Iterable<number>): Summary {
  const sorted = ascending(values);
  const count = sorted.length;
  return {
    count,
    mean: sorted.reduce((sum, value) => sum + value, 0) / count,
    min: sorted[0] ?? NaN,
    p50: percentile(sorted, 50),
    p90: percentile(sorted, 90),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
    ...(count > 100_000 ? { p999: percentile(sorted, 99.9) } : {}),
    max: sorted[count - 1] ?? NaN,
  };
}

/**
 * A 95 % confidence interval of the median by order statistics, without an assumption about the
 * distribution: the k-th value from either end, k by the binomial distribution with p = 1/2. Below
 * six values none is that sure, and it is the whole range.
 */
export function medianInterval(values: Iterable<number>): [low: number, high: number] {
  const sorted = ascending(values);
  const count = sorted.length;
  let probability = 2 ** -count;
  let tail = 0;
  let rank = 0;
  while (rank < count / 2 && tail + probability <= 0.025) {
    tail += probability;
    probability *= (count - rank) / (rank + 1);
    rank++;
  }
  const index = Math.max(rank - 1, 0);
  return [sorted[index] ?? NaN, sorted[count - 1 - index] ?? NaN];
}

/** Median with its interval, least and greatest; NaN without values. */
export function spread(values: Iterable<number>): Spread {
  const sorted = ascending(values);
  return {
    median: median(sorted),
    interval: medianInterval(sorted),
    min: sorted[0] ?? NaN,
    max: sorted[sorted.length - 1] ?? NaN,
  };
}
