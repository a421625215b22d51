import { native } from '../../engine/addon/native';
import type { Range } from '../quantize/parameters';
import type { Extent, Values } from './extent';

/** A range takes more than half of them, so that one side of 0 has at least 2,048. */
const BINS = 8192;
/** The widths of bins are powers of two, of this exponent at least: float32 has nothing below. */
const LEAST_EXPONENT = -149;
/** A bin need not be narrower than this share of the values: float32 has 24 bits. */
const PRECISION = 40;

/** How often a tensor's values were in each of many bins of one width. */
export interface Histogram extends Range {
  /** Bin i holds values from (first + i) · width up to the next bin's. */
  readonly first: number;
  readonly width: number;
  readonly counts: Float64Array;
  readonly total: number;
}

/** So many values are counted one by one; */
const ALL = 2 ** 18;
/** of each further array so many stand for the others. */
const SOME = 2 ** 14;

/**
 * A histogram whose range grows as values arrive, in the same memory for any number of them. Bins
 * are as wide as a power of two, with an edge at 0: when the range outgrows them pairs become one
 * bin, and two histograms add up, both without an error. When it has counted a quarter of a million
 * values it counts some of those that follow, from all over them, which say as much.
 */
export class GrowingHistogram {
  #counts = new Float64Array(BINS);
  #exponent = LEAST_EXPONENT;
  /** The first bin's place on the grid. */
  #first = 0;
  #min = Infinity;
  #max = -Infinity;
  #total = 0;

  get byteLength(): number {
    return this.#counts.byteLength;
  }

  /** @param extent - of the values; those that are not finite are left out */
  add(values: Values, extent: Extent): void {
    if (extent.min > extent.max) return;
    this.#cover(extent, this.#exponent);
    const left = extent.nans + extent.infinities;
    const finite = left === 0 ? values : values.filter(Number.isFinite);
    if (this.#total < ALL) this.#count(finite, 1, 1);
    else this.#countSome(finite);
    this.#total += finite.length;
  }

  /** Counts some of the values, each for its share of all. */
  #countSome(values: Values): void {
    const step = coprimeStep(values.length, Math.ceil(values.length / SOME));
    const counted = Math.ceil(values.length / step);
    this.#count(values, step, values.length / counted);
  }

  #count(values: Values, step: number, weight: number): void {
    const perUnit = 2 ** -this.#exponent;
    native().countValues(values, step, weight, this.#counts, perUnit, this.#first);
  }

  /** Adds what another histogram has counted. */
  merge(other: GrowingHistogram): void {
    if (other.#total === 0) return;
    this.#cover({ min: other.#min, max: other.#max }, other.#exponent);
    other.#copyTo(this.#counts, this.#exponent, this.#first);
    this.#total += other.#total;
  }

  /** The bins from the least to the greatest value. */
  get result(): Histogram {
    const width = 2 ** this.#exponent;
    const isEmpty = this.#total === 0;
    const low = isEmpty ? 0 : Math.floor(this.#min / width) - this.#first;
    const high = isEmpty ? -1 : Math.floor(this.#max / width) - this.#first;
    return {
      first: this.#first + low,
      width,
      counts: this.#counts.slice(low, high + 1),
      min: this.#min,
      max: this.#max,
      total: this.#total,
    };
  }

  /** Has the bins reach over a range and what was counted, at least as wide as asked. */
  #cover(range: Range, leastExponent: number): void {
    this.#min = Math.min(this.#min, range.min);
    this.#max = Math.max(this.#max, range.max);
    const [low, high] = [this.#min, this.#max];
    const exponent = Math.max(this.#exponent, leastExponent, fittingExponent(low, high));
    const lowest = Math.floor(low / 2 ** exponent);
    const highest = Math.floor(high / 2 ** exponent);
    const isInside = lowest >= this.#first && highest < this.#first + BINS;
    if (exponent === this.#exponent && isInside) return;
    // In the middle, so that the range can grow to both sides.
    const first = lowest - Math.floor((BINS - 1 - (highest - lowest)) / 2);
    const counts = new Float64Array(BINS);
    if (this.#total > 0) this.#copyTo(counts, exponent, first);
    this.#counts = counts;
    this.#exponent = exponent;
    this.#first = first;
  }

  /** Adds the counts to bins of the same or a greater width. */
  #copyTo(counts: Float64Array, exponent: number, first: number): void {
    const factor = 2 ** (this.#exponent - exponent);
    for (const [index, count] of this.#counts.entries()) {
      if (count === 0) continue;
      const bin = Math.floor((this.#first + index) * factor) - first;
      counts[bin] = (counts[bin] ?? 0) + count;
    }
  }
}

/** The least step from a given one that shares no factor with a length: it keeps to no row or column. */
function coprimeStep(length: number, least: number): number {
  const divisor = (a: number, b: number): number => (b === 0 ? a : divisor(b, a % b));
  let step = least;
  while (divisor(length, step) > 1) step++;
  return step;
}

/** Of the narrowest bins that reach from the least to the greatest value. */
function fittingExponent(min: number, max: number): number {
  const greatest = Math.max(Math.abs(min), Math.abs(max));
  if (greatest === 0) return LEAST_EXPONENT;
  const precise = Math.floor(Math.log2(greatest)) - PRECISION;
  const wide = Math.floor(Math.log2((max - min) / BINS));
  let exponent = Math.max(LEAST_EXPONENT, precise, wide);
  const bins = (): number => Math.floor(max / 2 ** exponent) - Math.floor(min / 2 ** exponent);
  while (bins() >= BINS) exponent++;
  return exponent;
}
