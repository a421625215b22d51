import type { Range } from '../quantize/parameters';
import type { Histogram } from './growing-histogram';

/** Magnitudes are counted in fewer bins than twice this, and in at least as many where there are. */
const LEAST_BINS = 2048;

/** So many bins lie between the thresholds that are tried first. */
const STEP = 16;
/** What sums in another order may differ by, in nats. */
const SLACK = 1e-9;

/** Counts of the values' magnitudes, in bins that begin at 0. */
interface Magnitudes {
  readonly counts: Float64Array;
  readonly width: number;
}

function magnitudesOf({ counts, first, width }: Histogram): Magnitudes {
  const places = Math.max(first + counts.length, -first);
  const merged = 2 ** Math.max(0, Math.floor(Math.log2(places / LEAST_BINS)));
  const folded = new Float64Array(Math.ceil(places / merged));
  for (const [index, count] of counts.entries()) {
    const place = first + index;
    const bin = Math.floor((place < 0 ? -1 - place : place) / merged);
    folded[bin] = (folded[bin] ?? 0) + count;
  }
  return { counts: folded, width: width * merged };
}

/** Sums over all bins before each bin, and over all. */
function runningSums(counts: Float64Array, term: (count: number) => number): Float64Array {
  const sums = new Float64Array(counts.length + 1);
  for (const [index, count] of counts.entries()) sums[index + 1] = (sums[index] ?? 0) + term(count);
  return sums;
}

const timesLog = (count: number): number => (count === 0 ? 0 : count * Math.log(count));

/** Finds the divergence of every threshold from running sums, at a cost of the levels alone. */
class Divergences {
  readonly #counts: Float64Array;
  readonly #levels: number;
  readonly #sums: Float64Array;
  readonly #used: Float64Array;
  readonly #logs: Float64Array;
  readonly #total: number;

  constructor(counts: Float64Array, levels: number) {
    this.#counts = counts;
    this.#levels = levels;
    this.#sums = runningSums(counts, (count) => count);
    this.#used = runningSums(counts, (count) => Math.sign(count));
    this.#logs = runningSums(counts, timesLog);
    this.#total = this.#sums.at(-1) ?? 0;
  }

  /**
   * D(P ‖ Q) in nats, for P the first bins with all that lies beyond added to the last of them, and Q
   * the same bins without that, each level's count spread over those of its bins that have any.
   *
   * @param most - more than this is not looked for: the answer is then any number that is greater
   */
  of(bins: number, most = Infinity): number {
    const last = this.#counts[bins - 1] ?? 0;
    const inside = this.#sums[bins] ?? 0;
    const beyond = this.#total - inside;
    // Q has nothing where P has something.
    if (last === 0 && beyond > 0) return Infinity;
    const own = (this.#logs[bins - 1] ?? 0) + timesLog(last + beyond);
    const normalisation = Math.log(inside / this.#total);
    const lastStart = Math.ceil(((this.#levels - 1) * bins) / this.#levels);
    const lastCount = inside - (this.#sums[lastStart] ?? 0);
    // The last level adds at least this (the log sum inequality), and no other less than nothing.
    const lastTerm = (lastCount + beyond) * Math.log((lastCount + beyond) / lastCount);
    const enough = (most + SLACK - normalisation) * this.#total - (lastTerm || 0);
    let cross = 0;
    let start = 0;
    for (let level = 1; level <= this.#levels; level++) {
      if ((this.#logs[start] ?? 0) - cross > enough) return Infinity;
      const end = Math.ceil((level * bins) / this.#levels);
      const used = (this.#used[end] ?? 0) - (this.#used[start] ?? 0);
      if (used > 0) {
        const count = (this.#sums[end] ?? 0) - (this.#sums[start] ?? 0);
        const reference = level === this.#levels ? count + beyond : count;
        cross += reference * Math.log(count / used);
      }
      start = end;
    }
    return (own - cross) / this.#total + normalisation;
  }
}

/**
 * The range of magnitudes whose quantised distribution diverges least from the real one
 * (S. Migacz, 8-bit Inference with TensorRT, 2017): the threshold goes through all bins from the
 * number of levels on. The first bin counts as the second does, for the zeros of a Relu, exact at any
 * scale, would outweigh all else.
 *
 * @param levels - of the whole range: values on both sides of 0 have half of them each
 */
export function entropyRange(histogram: Histogram, levels: number): Range {
  const { min, max } = histogram;
  const { counts, width } = magnitudesOf(histogram);
  const own = min < 0 && max > 0 ? levels / 2 : levels;
  counts[0] = counts[1] ?? 0;
  const divergences = new Divergences(counts, own);
  let threshold = counts.length;
  let least = divergences.of(threshold);
  const search = (from: number, to: number, step: number): void => {
    for (let bins = from; bins <= to; bins += step) {
      const divergence = divergences.of(bins, least);
      const isBetter = divergence < least || (divergence === least && bins > threshold);
      if (!isBetter) continue;
      least = divergence;
      threshold = bins;
    }
  };
  // What is near the least comes first: of most others a part of the sum then says that they are not.
  search(own, counts.length, STEP);
  search(own, counts.length, 1);
  const limit = threshold * width;
  return { min: Math.max(min, -limit), max: Math.min(max, limit) };
}
