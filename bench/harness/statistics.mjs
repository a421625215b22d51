/** The smallest value that `percent` % of the values do not exceed; of sorted values. */
export function percentile(sorted, percent) {
  if (sorted.length === 0) return NaN;
  return sorted[Math.max(Math.ceil((percent / 100) * sorted.length), 1) - 1];
}

const ascending = (values) => Float64Array.from(values).sort();

export function median(values) {
  const sorted = ascending(values);
  const middle = sorted.length >> 1;
  return sorted.length % 2 === 1 ? sorted[middle] : (sorted[middle - 1] + sorted[middle]) / 2;
}

/** Count, mean, extremes and percentiles, in the values' unit. p99.9 only where it means something. */
export function summarize(values) {
  const sorted = ascending(values);
  const count = sorted.length;
  return {
    count,
    mean: sorted.reduce((sum, value) => sum + value, 0) / count,
    min: sorted[0],
    p50: percentile(sorted, 50),
    p90: percentile(sorted, 90),
    p95: percentile(sorted, 95),
    p99: percentile(sorted, 99),
    ...(count > 100_000 ? { p999: percentile(sorted, 99.9) } : {}),
    max: sorted[count - 1],
  };
}

/**
 * A 95 % confidence interval of the median by order statistics, without an assumption about the
 * distribution: the k-th value from either end, k by the binomial distribution with p = 1/2.
 * Below six values none is that sure, and it is the whole range.
 */
export function medianInterval(values) {
  const sorted = ascending(values);
  const count = sorted.length;
  let probability = 2 ** -count;
  let tail = 0;
  let rank = 0;
  while (rank < count / 2 && tail + probability <= 0.025) {
    tail += probability;
    probability *= (count - rank) / (rank + 1);
    rank += 1;
  }
  const index = Math.max(rank - 1, 0);
  return [sorted[index], sorted[count - 1 - index]];
}

/** Median with its interval, least and greatest of what the repetitions gave. */
export function spread(values) {
  return {
    median: median(values),
    interval: medianInterval(values),
    min: Math.min(...values),
    max: Math.max(...values),
  };
}
