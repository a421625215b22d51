import { withoutEmpty } from './bins';

/**
 * The population stability index Σ (p − q) · ln(p ∕ q) of two distributions over the same bins; empty
 * bins count as 0.0001, or less where there are smaller shares. Below 0.1 a distribution is taken to
 * be stable, above 0.25 to have moved (Siddiqi, Credit Risk Scorecards, 2006).
 */
export function populationStabilityIndex(p: Float64Array, q: Float64Array): number {
  const [reference, current] = [withoutEmpty(p), withoutEmpty(q)];
  return reference.reduce((sum, share, bin) => {
    const other = current[bin] ?? NaN;
    return sum + (share - other) * Math.log(share / other);
  }, 0);
}

/** p · ln(p ∕ m), which is 0 for p = 0. */
const relativeEntropy = (p: number, m: number): number => (p === 0 ? 0 : p * Math.log(p / m));

const total = (shares: Float64Array): number => shares.reduce((sum, share) => sum + share, 0);

/**
 * The Jensen-Shannon distance of two distributions over the same bins: the root of their divergence in
 * nats, from 0 to √ln 2, as SciPy's `distance.jensenshannon` (Endres and Schindelin, A new metric for
 * probability distributions, 2003).
 */
export function jensenShannonDistance(p: Float64Array, q: Float64Array): number {
  const [ofP, ofQ] = [total(p), total(q)];
  let sum = 0;
  for (let bin = 0; bin < p.length; bin++) {
    const [share, other] = [(p[bin] ?? NaN) / ofP, (q[bin] ?? NaN) / ofQ];
    const middle = (share + other) / 2;
    sum += relativeEntropy(share, middle) + relativeEntropy(other, middle);
  }
  return Math.sqrt(Math.max(0, sum) / 2);
}

function standardDeviation(values: ArrayLike<number>): number {
  const items = Array.from(values);
  const mean = items.reduce((sum, value) => sum + value, 0) / items.length;
  return Math.sqrt(items.reduce((sum, value) => sum + (value - mean) ** 2, 0) / items.length);
}

export const ascending = (values: readonly number[]): Float64Array =>
  Float64Array.from(values).sort();

/**
 * The first Wasserstein (earth mover's) distance of two samples, ∫ |F − G|, in the values' unit.
 *
 * @param a - ascending
 * @param b - ascending
 */
function wassersteinDistance(a: Float64Array, b: Float64Array): number {
  let [inA, inB, sum] = [0, 0, 0];
  let at = Math.min(a[0] ?? NaN, b[0] ?? NaN);
  while (inA < a.length || inB < b.length) {
    const next = Math.min(a[inA] ?? Infinity, b[inB] ?? Infinity);
    sum += Math.abs(inA / a.length - inB / b.length) * (next - at);
    while (inA < a.length && a[inA] === next) inA++;
    while (inB < b.length && b[inB] === next) inB++;
    at = next;
  }
  return sum;
}

/** Below this a reference counts as constant. */
const LEAST_DEVIATION = 0.001;

/** {@link wassersteinDistance} over the reference's standard deviation (0.001 at least), as evidently. */
export function normalizedWasserstein(
  reference: readonly number[],
  current: readonly number[],
): number {
  const distance = wassersteinDistance(ascending(reference), ascending(current));
  return distance / Math.max(standardDeviation(reference), LEAST_DEVIATION);
}
