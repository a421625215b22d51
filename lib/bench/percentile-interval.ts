/**
 * Which order statistics hold a percentile: the values at these ranks (1 is the least) enclose it
 * with the given confidence.
 */
export interface PercentileRanks {
  readonly low: number;
  /** Undefined: so many values have no upper bound of that confidence. */
  readonly high: number | undefined;
}

/** Two-sided quantile of the standard normal distribution for 95 %. */
const Z95 = 1.959963984540054;
/** From here on the normal approximation of the binomial distribution is within one rank. */
const MANY = 1000;

/** By Stirling's series, exact enough for ranks. */
function logFactorial(n: number): number {
  if (n < 20) {
    let product = 1;
    for (let factor = 2; factor <= n; factor++) product *= factor;
    return Math.log(product);
  }
  return n * Math.log(n) - n + 0.5 * Math.log(2 * Math.PI * n) + 1 / (12 * n) - 1 / (360 * n ** 3);
}

/** Distribution function of the binomial distribution, from 0 successes on. */
function binomialDistribution(count: number, probability: number): Float64Array {
  const sums = new Float64Array(count + 1);
  let sum = 0;
  for (let k = 0; k <= count; k++) {
    const ways = logFactorial(count) - logFactorial(k) - logFactorial(count - k);
    sum += Math.exp(ways + k * Math.log(probability) + (count - k) * Math.log1p(-probability));
    sums[k] = sum;
  }
  return sums;
}

/**
 * The ranks of a distribution-free 95 % interval of a percentile: the number of values below the
 * percentile is binomially distributed (David and Nagaraja, Order Statistics, §7.1). Values that
 * depend on each other, as neighbouring latencies do, make it narrower than it should be.
 *
 * @param count - how many values there are
 * @param percent - above 0, below 100
 */
export function percentileRanks(count: number, percent: number): PercentileRanks {
  const share = percent / 100;
  if (count === 0) return { low: 1, high: undefined };
  let low: number;
  let high: number;
  if (count * Math.min(share, 1 - share) > MANY) {
    const half = Z95 * Math.sqrt(count * share * (1 - share));
    low = Math.floor(count * share - half);
    high = Math.ceil(count * share + half) + 1;
  } else if (count <= 20 * MANY) {
    const sums = binomialDistribution(count, share);
    // The value of rank r lies above the percentile with the probability of fewer than r below it.
    low = sums.findIndex((sum) => sum > 0.025);
    const above = sums.findIndex((sum) => sum >= 0.975);
    high = above === -1 ? count + 1 : above + 1;
  } else {
    // Rare on one side of many: the Poisson limit of that side.
    const rare = count * Math.min(share, 1 - share);
    const [least, most] = poissonRange(rare);
    low = share > 0.5 ? count - most : least;
    high = share > 0.5 ? count - least + 1 : most + 1;
  }
  return { low: Math.max(low, 1), high: high > count ? undefined : high };
}

/** The 2.5 % and 97.5 % quantiles of the Poisson distribution. */
function poissonRange(mean: number): [number, number] {
  let sum = 0;
  let least: number | undefined;
  for (let k = 0; ; k++) {
    // By logarithms: from a mean of 745 on the first terms are too small for a number.
    sum += Math.exp(k * Math.log(mean) - mean - logFactorial(k));
    if (sum > 0.025) least ??= k;
    // A sum of rounded terms may stay below its limit for ever, but not far beyond the mean.
    if (sum >= 0.975 || k > 2 * mean + 20) return [least ?? k, k];
  }
}
