import { randomNumbers } from '../../bench/random';

/** Where the means of k-means start: apart at random, or evenly from the least to the greatest. */
export type ClusterStart = 'kmeans++' | 'linear';

export interface ShareOptions {
  /** Values that a layer's weights may take, 0 among them where some are zero. */
  readonly clusters: number;
  readonly start: ClusterStart;
}

const MOST_ROUNDS = 100;
const SEED = 1;

/**
 * Gives a layer's weights few different values, in place: the means that k-means finds. Zeros stay
 * zero.
 *
 * @see S. Lloyd, Least squares quantization in PCM, 1982; D. Arthur and S. Vassilvitskii,
 *   k-means++: the advantages of careful seeding, 2007.
 */
export function shareWeights(values: Float32Array, { clusters, start }: ShareOptions): void {
  const sorted = values.filter((value) => value !== 0).sort();
  const count = sorted.length < values.length ? clusters - 1 : clusters;
  if (sorted.length === 0 || count === 0) return;
  const { means, ends } = new SortedClusters(sorted).find(count, start);
  const uppers = Float32Array.from(ends, (end) => sorted[end - 1] ?? 0);
  for (const [index, value] of values.entries()) {
    if (value !== 0) values[index] = means[countBelow(uppers, value)] ?? value;
  }
}

/** How many of ascending numbers are less than a value. */
function countBelow(ascending: ArrayLike<number>, value: number): number {
  let low = 0;
  let high = ascending.length;
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((ascending[middle] ?? 0) < value) low = middle + 1;
    else high = middle;
  }
  return low;
}

interface Clusters {
  /** Ascending. */
  readonly means: Float64Array;
  /** The index behind the last number of each. */
  readonly ends: Uint32Array;
}

/** k-means of sorted numbers, where each cluster is a run of them. */
class SortedClusters {
  readonly #values: Float32Array;
  /** Of all numbers before an index. */
  readonly #sums: Float64Array;

  constructor(sorted: Float32Array) {
    this.#values = sorted;
    this.#sums = new Float64Array(sorted.length + 1);
    for (const [index, value] of sorted.entries()) {
      this.#sums[index + 1] = (this.#sums[index] ?? 0) + value;
    }
  }

  find(count: number, start: ClusterStart): Clusters {
    let means = start === 'linear' ? this.#evenly(count) : this.#apart(count);
    let ends = this.#endsOf(means);
    for (let round = 0; round < MOST_ROUNDS; round++) {
      means = this.#meansOf(ends, means);
      const next = this.#endsOf(means);
      if (next.every((end, index) => end === ends[index])) break;
      ends = next;
    }
    return this.#withoutEmpty({ means, ends });
  }

  #evenly(count: number): Float64Array {
    const least = this.#values[0] ?? 0;
    const span = (this.#values.at(-1) ?? 0) - least;
    return Float64Array.from({ length: count }, (_, index) =>
      count === 1 ? least + span / 2 : least + (span * index) / (count - 1),
    );
  }

  /** Each mean is a number taken at random, by the square of its distance to the nearest before. */
  #apart(count: number): Float64Array {
    const random = randomNumbers(SEED);
    const values = this.#values;
    const distances = new Float64Array(values.length).fill(1);
    const means: number[] = [];
    while (means.length < count) {
      const total = distances.reduce((sum, distance) => sum + distance, 0);
      let left = random() * total;
      const found = distances.findIndex((distance) => (left -= distance) < 0);
      const mean = values[found < 0 ? values.length - 1 : found] ?? 0;
      means.push(mean);
      for (const [index, value] of values.entries()) {
        const squared = (value - mean) ** 2;
        if (means.length === 1 || squared < (distances[index] ?? 0)) distances[index] = squared;
      }
    }
    return Float64Array.from(means).sort();
  }

  /** The index behind the last number that is nearest to each mean. */
  #endsOf(means: Float64Array): Uint32Array {
    return Uint32Array.from(means, (mean, index) => {
      const next = means[index + 1];
      return next === undefined ? this.#values.length : countBelow(this.#values, (mean + next) / 2);
    });
  }

  /** A cluster without numbers keeps its mean. */
  #meansOf(ends: Uint32Array, before: Float64Array): Float64Array {
    return before.map((mean, index) => {
      const first = index === 0 ? 0 : (ends[index - 1] ?? 0);
      const end = ends[index] ?? 0;
      if (end <= first) return mean;
      return ((this.#sums[end] ?? 0) - (this.#sums[first] ?? 0)) / (end - first);
    });
  }

  #withoutEmpty({ means, ends }: Clusters): Clusters {
    const isFull = (_: number, index: number): boolean =>
      (ends[index] ?? 0) > (index === 0 ? 0 : (ends[index - 1] ?? 0));
    return { means: means.filter(isFull), ends: ends.filter(isFull) };
  }
}
