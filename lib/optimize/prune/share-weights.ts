import { countBelow } from './ascending';
import { meansApart } from './means-apart';
import { RunSums } from './run-sums';

/** Where the means of k-means start: apart at random, or evenly from the least to the greatest. */
export type ClusterStart = 'kmeans++' | 'linear';

export interface ShareOptions {
  /** Values that a layer's weights may take, 0 among them where some are zero. */
  readonly clusters: number;
  readonly start: ClusterStart;
}

const MOST_ROUNDS = 100;

/**
 * Gives a layer's weights few different values, in place: the means that k-means finds. Zeros stay
 * zero, and what is no finite number stays, too.
 *
 * @see S. Lloyd, Least squares quantization in PCM, 1982; D. Arthur and S. Vassilvitskii,
 *   k-means++: the advantages of careful seeding, 2007.
 */
export function shareWeights(values: Float32Array, { clusters, start }: ShareOptions): void {
  const isShared = (value: number): boolean => value !== 0 && Number.isFinite(value);
  const sorted = values.filter(isShared).sort();
  const count = values.includes(0) ? clusters - 1 : clusters;
  if (sorted.length === 0 || count === 0) return;
  const { means, ends } = new SortedClusters(sorted).find(count, start);
  const uppers = Float32Array.from(ends, (end) => sorted[end - 1] ?? 0);
  for (const [index, value] of values.entries()) {
    if (isShared(value)) values[index] = means[countBelow(uppers, value)] ?? value;
  }
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
  readonly #sums: RunSums;

  constructor(sorted: Float32Array) {
    this.#values = sorted;
    this.#sums = new RunSums(sorted);
  }

  find(count: number, start: ClusterStart): Clusters {
    let means = start === 'linear' ? this.#evenly(count) : meansApart(this.#sums, count);
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
      return this.#sums.sum(first, end) / (end - first);
    });
  }

  #withoutEmpty({ means, ends }: Clusters): Clusters {
    const isFull = (_: number, index: number): boolean =>
      (ends[index] ?? 0) > (index === 0 ? 0 : (ends[index - 1] ?? 0));
    return { means: means.filter(isFull), ends: ends.filter(isFull) };
  }
}
