import { ascending } from './distances';
import { chiSquareSurvival, normalTwoSided } from './special-functions';

/** Up to so many values in the larger sample the probability is computed exactly, as in SciPy. */
const MOST_EXACT = 10_000;

/** The greatest distance of two samples' cumulative distributions. */
function greatestDistance(a: Float64Array, b: Float64Array): number {
  let [inA, inB, greatest] = [0, 0, 0];
  while (inA < a.length && inB < b.length) {
    const next = Math.min(a[inA] ?? NaN, b[inB] ?? NaN);
    while (inA < a.length && a[inA] === next) inA++;
    while (inB < b.length && b[inB] === next) inB++;
    greatest = Math.max(greatest, Math.abs(inA / a.length - inB / b.length));
  }
  return greatest;
}

function greatestCommonDivisor(a: number, b: number): number {
  let [x, y] = [a, b];
  while (y !== 0) [x, y] = [y, x % y];
  return x;
}

/** Of all paths over a square of n, the share that comes h away from the diagonal. */
function shareOutsideSquare(n: number, h: number): number {
  let share = 0;
  for (let k = Math.floor(n / h); k >= 0; k--) {
    let product = 1;
    for (let j = 0; j < h; j++) product *= (n - k * h - j) / (n + k * h + j + 1);
    share = product * (1 - share);
  }
  return 2 * share;
}

/**
 * Of all paths over a rectangle of m by n, the share that comes as far from the diagonal as `h`, a
 * multiple of 1 ∕ lcm(m, n): counted column by column, as shares of the paths so far (Hodges, The
 * significance probability of the Smirnov two-sample test, 1958).
 */
function shareOutside(larger: number, smaller: number, divisor: number, h: number): number {
  const [rise, run] = [smaller / divisor, larger / divisor];
  let low = 0;
  let high = Math.min(Math.ceil(h / run), smaller + 1);
  const shares = new Float64Array(smaller + 2).fill(1);
  shares.fill(0, low, high);
  for (let column = 1; column <= larger; column++) {
    const [lastLow, lastLength] = [low, high - low];
    low = Math.min(Math.max(Math.floor((rise * column - h) / run) + 1, 0), smaller);
    high = Math.min(Math.ceil((rise * column + h) / run), smaller + 1);
    if (high <= low) return 1;
    let share = low === 0 ? 0 : 1;
    for (let row = low; row < high; row++) {
      const before = shares[row - lastLow] ?? 1;
      share = (before * column + share * row) / (column + row);
      shares[row - low] = share;
    }
    if (lastLength > high - low) shares.fill(1, high - low, lastLength);
  }
  return shares[high - low - 1] ?? NaN;
}

/** Kolmogorov's limit with Stephens's correction for n (Journal of the RSS B 32, 1970). */
function limitSurvival(distance: number, n: number): number {
  const root = Math.sqrt(n);
  const x = (root + 0.12 + 0.11 / root) * distance;
  let sum = 0;
  for (let k = 1; k <= 100; k++) {
    const term = 2 * (k % 2 === 1 ? 1 : -1) * Math.exp(-2 * k * k * x * x);
    sum += term;
    if (Math.abs(term) < 1e-17) break;
  }
  return x < 0.2 ? 1 : Math.min(1, Math.max(0, sum));
}

export interface KolmogorovSmirnov {
  /** The greatest distance of the cumulative distributions, 0 to 1. */
  readonly statistic: number;
  /** The probability of such a distance, or a greater one, where both are of one distribution. */
  readonly pValue: number;
}

/**
 * The two-sample Kolmogorov-Smirnov test, two-sided. Exact for samples of up to 10,000 values, as
 * SciPy's `ks_2samp`; above by Kolmogorov's limit.
 */
export function kolmogorovSmirnov(
  reference: readonly number[],
  current: readonly number[],
): KolmogorovSmirnov {
  const statistic = greatestDistance(ascending(reference), ascending(current));
  const larger = Math.max(reference.length, current.length);
  const smaller = Math.min(reference.length, current.length);
  const divisor = greatestCommonDivisor(larger, smaller);
  const multiple = (larger / divisor) * smaller;
  if (larger > MOST_EXACT) {
    const n = (larger * smaller) / (larger + smaller);
    return { statistic, pValue: limitSurvival(statistic, Math.round(n)) };
  }
  const h = Math.round(statistic * multiple);
  if (h === 0) return { statistic, pValue: 1 };
  const pValue =
    larger === smaller ? shareOutsideSquare(larger, h) : shareOutside(larger, smaller, divisor, h);
  return { statistic, pValue: Math.min(1, Math.max(0, pValue)) };
}

function counts(values: readonly unknown[]): Map<unknown, number> {
  const found = new Map<unknown, number>();
  for (const value of values) found.set(value, (found.get(value) ?? 0) + 1);
  return found;
}

/**
 * The probability of the current values' counts where they are of the reference's distribution:
 * Pearson's χ² test over all values of either. 0 for a value that the reference does not have.
 */
export function chiSquareTest(reference: readonly unknown[], current: readonly unknown[]): number {
  const [expected, observed] = [counts(reference), counts(current)];
  const keys = new Set([...expected.keys(), ...observed.keys()]);
  const scale = current.length / reference.length;
  let statistic = 0;
  for (const key of keys) {
    const mean = (expected.get(key) ?? 0) * scale;
    statistic += ((observed.get(key) ?? 0) - mean) ** 2 / mean;
  }
  return keys.size < 2 ? 1 : chiSquareSurvival(statistic, keys.size - 1);
}

/** The z test of two proportions, two-sided: how often the values are not the least of all. */
export function proportionsTest(
  reference: readonly unknown[],
  current: readonly unknown[],
): number {
  const keys = [...new Set([...reference, ...current])].sort((a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1,
  );
  if (keys.length < 2) return 1;
  const others = (values: readonly unknown[]): number =>
    values.filter((value) => value !== keys[0]).length;
  const [n, m] = [reference.length, current.length];
  const pooled = (others(reference) + others(current)) / (n + m);
  const difference = others(reference) / n - others(current) / m;
  return normalTwoSided(difference / Math.sqrt(pooled * (1 - pooled) * (1 / n + 1 / m)));
}
