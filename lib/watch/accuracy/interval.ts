import { normalQuantile } from '../drift/special-functions';

/** A confidence interval. */
export type Interval = readonly [low: number, high: number];

/**
 * Wilson's score interval of a proportion (Wilson, Probable inference, the law of succession, and
 * statistical inference, 1927): right for few rows and near 0 and 1, too.
 *
 * @param confidence - share of such intervals that hold the true proportion, e.g. 0.95
 */
export function wilsonInterval(successes: number, rows: number, confidence: number): Interval {
  if (rows === 0) return [0, 1];
  const z = normalQuantile((1 + confidence) / 2);
  const share = successes / rows;
  const scale = 1 + (z * z) / rows;
  const centre = (share + (z * z) / (2 * rows)) / scale;
  const half = (z * Math.sqrt((share * (1 - share)) / rows + (z * z) / (4 * rows * rows))) / scale;
  return [Math.max(0, centre - half), Math.min(1, centre + half)];
}

/** The interval of a mean, by the normal distribution. */
export function meanInterval(values: readonly number[], confidence: number): Interval {
  const n = values.length;
  if (n < 2) return [-Infinity, Infinity];
  const mean = values.reduce((sum, value) => sum + value, 0) / n;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (n - 1);
  return momentsInterval({ rows: n, mean, variance }, confidence);
}

/** The same of values whose mean and variance are known. */
export function momentsInterval(
  { rows, mean, variance }: { rows: number; mean: number; variance: number },
  confidence: number,
): Interval {
  if (rows < 2) return [-Infinity, Infinity];
  const half = normalQuantile((1 + confidence) / 2) * Math.sqrt(variance / rows);
  return [mean - half, mean + half];
}
