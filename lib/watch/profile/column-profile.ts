import { randomNumbers } from '../../bench/random';
import type { ColumnKind } from '../drift/column-drift';
import { binOf } from '../drift/bins';
import type { FeatureValue } from '../rows/row';

/** What is known of a feature's values in a reference. */
export interface ColumnProfile {
  readonly name: string;
  readonly kind: ColumnKind;
  readonly rows: number;
  /** How many were null, NaN or infinite. */
  readonly missing: number;
  /** Of numbers. */
  readonly numbers?: NumberProfile;
  /** Of categories: how often each, the most frequent first, 1,000 at most. */
  readonly categories?: readonly (readonly [value: string, count: number])[];
  /** Values drawn at random, 10,000 at most: what current values are compared with. */
  readonly sample: readonly (number | string)[];
}

export interface NumberProfile {
  readonly min: number;
  readonly max: number;
  readonly mean: number;
  readonly standardDeviation: number;
  /** By the percentage. */
  readonly quantiles: Readonly<Record<string, number>>;
  /** Between these, ascending, values are counted; the first bin has no lower edge, the last no upper. */
  readonly edges: readonly number[];
  /** One more than there are edges. */
  readonly counts: readonly number[];
}

const SAMPLE_SIZE = 10_000;
const MOST_CATEGORIES = 1000;
const BINS = 10;
const QUANTILES = [1, 5, 25, 50, 75, 95, 99];

/** The value below which `percent` % of the sorted values lie, between two of them in proportion. */
function quantile(sorted: Float64Array, percent: number): number {
  const place = ((sorted.length - 1) * percent) / 100;
  const below = Math.floor(place);
  const low = sorted[below] ?? NaN;
  return low + (place - below) * ((sorted[below + 1] ?? low) - low);
}

/** The bin of {@link NumberProfile.counts} that a value belongs to. */
export function openBinOf(value: number, edges: readonly number[]): number {
  const [first = Infinity] = edges;
  if (value < first) return 0;
  if (value >= (edges[edges.length - 1] ?? -Infinity)) return edges.length;
  return binOf(value, edges) + 1;
}

/**
 * Gathers one feature's values, in any number: with the memory of a sample, not of all of them.
 * Edges are the tenths of the sample, so that each bin has as many of the reference.
 */
export class ColumnProfiler {
  readonly #name: string;
  readonly #random: () => number;
  readonly #sample: (number | string)[] = [];
  readonly #categories = new Map<string, number>();
  #rows = 0;
  #missing = 0;
  #numbers = 0;
  #min = Infinity;
  #max = -Infinity;
  #mean = 0;
  #squares = 0;
  #areNumbers = true;

  constructor(name: string, seed: number) {
    this.#name = name;
    this.#random = randomNumbers(seed);
  }

  add(value: FeatureValue): void {
    this.#rows++;
    if (value === null || (typeof value === 'number' && !Number.isFinite(value))) {
      this.#missing++;
      return;
    }
    this.#draw(value);
    if (typeof value === 'number') this.#addNumber(value);
    else this.#areNumbers = false;
    const key = String(value);
    const count = this.#categories.get(key);
    if (count !== undefined || this.#categories.size < MOST_CATEGORIES) {
      this.#categories.set(key, (count ?? 0) + 1);
    }
  }

  /** Welford's update of the mean and the sum of squares. */
  #addNumber(value: number): void {
    this.#numbers++;
    this.#min = Math.min(this.#min, value);
    this.#max = Math.max(this.#max, value);
    const change = value - this.#mean;
    this.#mean += change / this.#numbers;
    this.#squares += change * (value - this.#mean);
  }

  /** Vitter's algorithm R: each value is in the sample with the same probability. */
  #draw(value: number | string): void {
    const seen = this.#rows - this.#missing;
    if (seen <= SAMPLE_SIZE) {
      this.#sample.push(value);
      return;
    }
    const place = Math.floor(this.#random() * seen);
    if (place < SAMPLE_SIZE) this.#sample[place] = value;
  }

  /** @param kind - what the values are taken for; default: numbers where all are */
  finish(kind?: ColumnKind): ColumnProfile {
    const isNumerical = kind ? kind === 'numerical' : this.#areNumbers;
    const common = { name: this.#name, rows: this.#rows, missing: this.#missing };
    if (isNumerical && this.#areNumbers) {
      const sample = this.#sample as number[];
      return { ...common, kind: 'numerical', numbers: this.#numberProfile(sample), sample };
    }
    const categories = [...this.#categories].sort(([, a], [, b]) => b - a);
    return { ...common, kind: 'categorical', categories, sample: this.#sample.map(String) };
  }

  #numberProfile(sample: readonly number[]): NumberProfile {
    const sorted = Float64Array.from(sample).sort();
    const tenths = Array.from({ length: BINS - 1 }, (_, index) =>
      quantile(sorted, ((index + 1) * 100) / BINS),
    );
    const edges = [...new Set(tenths)].filter((edge) => edge > (sorted[0] ?? Infinity));
    const counts = new Array<number>(edges.length + 1).fill(0);
    for (const value of sorted) {
      const bin = openBinOf(value, edges);
      counts[bin] = (counts[bin] ?? 0) + 1;
    }
    return {
      min: this.#min,
      max: this.#max,
      mean: this.#numbers > 0 ? this.#mean : NaN,
      standardDeviation: Math.sqrt(this.#squares / Math.max(this.#numbers, 1)),
      quantiles: Object.fromEntries(
        QUANTILES.map((percent) => [String(percent), quantile(sorted, percent)]),
      ),
      edges,
      counts,
    };
  }
}
