/** Buckets of each power of two: a value is told from another that differs by 3 %. */
const STEPS = 32;
/** Nanoseconds up to more than an hour; what is above counts as that. */
const POWERS = 42;
const BUCKETS = STEPS * POWERS;
/** A bucket each, and the sum. */
const SLOTS = BUCKETS + 1;

/** Bytes of so many histograms of so many threads. */
export const histogramBytes = (threads: number, histograms: number): number =>
  threads * histograms * SLOTS * Float64Array.BYTES_PER_ELEMENT;

/** Times of all threads: each counts in a row of its own, and whoever asks is told of all rows. */
export class SharedHistogram {
  readonly #rows: readonly Float64Array[];
  readonly #own: Float64Array;

  /** @param index - of the histogram among those of the memory, of which there are so many for each thread */
  constructor(memory: SharedArrayBuffer, index: number, histograms: number, thread: number) {
    const threads = memory.byteLength / histogramBytes(1, histograms);
    this.#rows = Array.from({ length: threads }, (_, row) => {
      const offset = histogramBytes(row, histograms) + histogramBytes(1, index);
      return new Float64Array(memory, offset, SLOTS);
    });
    this.#own = this.#rows[thread] ?? new Float64Array(SLOTS);
  }

  record(nanoseconds: number): void {
    const own = this.#own;
    const bucket = bucketOf(nanoseconds);
    own[bucket] = (own[bucket] ?? 0) + 1;
    own[BUCKETS] = (own[BUCKETS] ?? 0) + nanoseconds;
  }

  #sum(slot: number): number {
    return this.#rows.reduce((sum, row) => sum + (row[slot] ?? 0), 0);
  }

  get count(): number {
    return this.buckets().reduce((sum, { count }) => sum + count, 0);
  }

  /** The mean in nanoseconds, NaN without samples. */
  snapshot(): { readonly count: number; readonly mean: number } {
    const { count } = this;
    return { count, mean: this.#sum(BUCKETS) / count };
  }

  /** Those that have samples, with their bounds in nanoseconds. */
  buckets(): { readonly lowest: number; readonly highest: number; readonly count: number }[] {
    const found = [];
    for (let bucket = 0; bucket < BUCKETS; bucket++) {
      const count = this.#sum(bucket);
      const [lowest, highest] = [lowestOf(bucket), lowestOf(bucket + 1)];
      if (count > 0) found.push({ lowest, highest, count });
    }
    return found;
  }

  /** Samples in buckets that are not above a time. */
  countAtOrBelow(nanoseconds: number): number {
    const below = this.buckets().filter(({ lowest }) => lowest <= nanoseconds);
    return below.reduce((sum, { count }) => sum + count, 0);
  }
}

function bucketOf(nanoseconds: number): number {
  if (nanoseconds < 1) return 0;
  const power = Math.floor(Math.log2(nanoseconds));
  const step = Math.floor((nanoseconds / 2 ** power - 1) * STEPS);
  return Math.min(power * STEPS + step, BUCKETS - 1);
}

const lowestOf = (bucket: number): number =>
  bucket === 0 ? 0 : 2 ** Math.floor(bucket / STEPS) * (1 + (bucket % STEPS) / STEPS);
