/** Coefficients of Lanczos's approximation for g = 7, n = 9 (Godfrey, 2001); 15 digits. */
const LANCZOS = [
  0.99999999999980993, 676.5203681218851, -1259.1392167224028, 771.32342877765313,
  -176.61502916214059, 12.507343278686905, -0.13857109526572012, 9.9843695780195716e-6,
  1.5056327351493116e-7,
];

/** ln Γ(x) for x > 0. */
function logGamma(x: number): number {
  const shifted = x - 1;
  let sum = LANCZOS[0] ?? 0;
  for (let index = 1; index < LANCZOS.length; index++) {
    sum += (LANCZOS[index] ?? 0) / (shifted + index);
  }
  const t = shifted + 7.5;
  return 0.5 * Math.log(2 * Math.PI) + (shifted + 0.5) * Math.log(t) - t + Math.log(sum);
}

const TERMS = 10_000;
const PRECISION = 1e-16;
const TINY = 1e-300;

/** P(a, x) by its series, which converges quickly for x < a + 1. */
function lowerBySeries(a: number, x: number): number {
  let term = 1 / a;
  let sum = term;
  for (let index = 1; index < TERMS && Math.abs(term) > Math.abs(sum) * PRECISION; index++) {
    term *= x / (a + index);
    sum += term;
  }
  return sum * Math.exp(a * Math.log(x) - x - logGamma(a));
}

/** Q(a, x) by its continued fraction, with Lentz's method, for x ≥ a + 1. */
function upperByFraction(a: number, x: number): number {
  let b = x + 1 - a;
  let c = 1 / TINY;
  let d = 1 / b;
  let fraction = d;
  for (let index = 1; index < TERMS; index++) {
    const factor = -index * (index - a);
    b += 2;
    d = 1 / (Math.abs(factor * d + b) < TINY ? TINY : factor * d + b);
    c = Math.abs(b + factor / c) < TINY ? TINY : b + factor / c;
    const change = d * c;
    fraction *= change;
    if (Math.abs(change - 1) < PRECISION) break;
  }
  return fraction * Math.exp(a * Math.log(x) - x - logGamma(a));
}

/**
 * The regularised upper incomplete gamma function Q(a, x) = Γ(a, x) ∕ Γ(a), for a > 0 and x ≥ 0
 * (Abramowitz and Stegun, Handbook of Mathematical Functions, 6.5).
 */
function upperGamma(a: number, x: number): number {
  if (Number.isNaN(x) || Number.isNaN(a)) return NaN;
  if (x <= 0) return 1;
  if (x === Infinity) return 0;
  return x < a + 1 ? 1 - lowerBySeries(a, x) : upperByFraction(a, x);
}

/** The probability that a χ² variable with `degrees` of freedom is above `value`. */
export function chiSquareSurvival(value: number, degrees: number): number {
  return upperGamma(degrees / 2, value / 2);
}

/** The probability that a standard normal variable is further from 0 than `z`. */
export function normalTwoSided(z: number): number {
  return upperGamma(0.5, (z * z) / 2);
}

/** The z for which a standard normal variable is below it with probability `p`, 0 < p < 1. */
export function normalQuantile(p: number): number {
  let low = -40;
  let high = 40;
  while (high - low > 1e-12 * Math.max(1, Math.abs(low))) {
    const middle = (low + high) / 2;
    const tail = normalTwoSided(middle) / 2;
    if ((middle < 0 ? tail : 1 - tail) < p) low = middle;
    else high = middle;
    if (middle === low && middle === high) break;
  }
  return (low + high) / 2;
}
