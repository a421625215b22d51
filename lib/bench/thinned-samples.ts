import { percentile } from './statistics';

/** How many values are kept; half of them are dropped when there is one more. */
const CAPACITY = 1 << 16;

/**
 * Every n-th of a stream of values, n a power of two such that they fit: the exact values of one
 * block of measurement for its median, where a histogram's steps of a percent would hide a small
 * difference.
 */
export class ThinnedSamples {
  readonly #values = new Float64Array(CAPACITY);
  #kept = 0;
  #stride = 1;
  #seen = 0;

  push(value: number): void {
    if (this.#seen++ % this.#stride !== 0) return;
    if (this.#kept === CAPACITY) {
      for (let index = 0; index < CAPACITY / 2; index++) {
        this.#values[index] = this.#values[2 * index] ?? 0;
      }
      this.#kept = CAPACITY / 2;
      this.#stride *= 2;
    }
    this.#values[this.#kept++] = value;
  }

  /** Percentiles of what was kept, by nearest rank; undefined without values. */
  percentiles(percents: readonly number[]): (number | undefined)[] {
    const sorted = this.#values.slice(0, this.#kept).sort();
    return percents.map((percent) =>
      sorted.length === 0 ? undefined : percentile(sorted, percent),
    );
  }
}
