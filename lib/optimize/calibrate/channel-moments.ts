import { OnliteError } from '../../errors';
import { channelLayout, type ChannelLayout } from '../quantize/parameters';
import type { Values } from './extent';

/** Mean, variance (of the population) and greatest magnitude of each channel's values. */
export interface Moments {
  /** Values of each channel. */
  readonly count: number;
  readonly mean: Float64Array;
  readonly variance: Float64Array;
  readonly peak: Float64Array;
}

/** The sums of each channel's values; the peaks are raised to their greatest magnitudes. */
function channelSums(
  values: Values,
  { outer, channels, inner }: ChannelLayout,
  peaks: Float64Array,
): Float64Array {
  const sums = new Float64Array(channels);
  let index = 0;
  for (let block = 0; block < outer; block++) {
    for (let channel = 0; channel < channels; channel++) {
      let sum = 0;
      let peak = peaks[channel] ?? 0;
      for (const end = index + inner; index < end; index++) {
        const value = values[index] ?? 0;
        sum += value;
        if (value > peak) peak = value;
        else if (-value > peak) peak = -value;
      }
      sums[channel] = (sums[channel] ?? 0) + sum;
      peaks[channel] = peak;
    }
  }
  return sums;
}

function squaredDeviations(
  values: Values,
  { outer, channels, inner }: ChannelLayout,
  means: Float64Array,
): Float64Array {
  const squares = new Float64Array(channels);
  let index = 0;
  for (let block = 0; block < outer; block++) {
    for (let channel = 0; channel < channels; channel++) {
      const mean = means[channel] ?? 0;
      let sum = 0;
      for (const end = index + inner; index < end; index++) {
        const deviation = (values[index] ?? 0) - mean;
        sum += deviation * deviation;
      }
      squares[channel] = (squares[channel] ?? 0) + sum;
    }
  }
  return squares;
}

/**
 * Mean, variance and greatest magnitude of each channel over any number of tensors, by the merging of Chan, Golub and
 * LeVeque (Updating Formulae and a Pairwise Algorithm for Computing Sample Variances, 1979): no
 * digits are lost where the mean is far from 0.
 */
export class ChannelMoments {
  readonly #axis: number;
  #count = 0;
  #mean = new Float64Array();
  /** Sums of the squared deviations from the mean. */
  #squares = new Float64Array();
  #peaks = new Float64Array();

  /** @param axis - the channels' dimension; a negative one counts from the end */
  constructor(axis: number) {
    this.#axis = axis;
  }

  get byteLength(): number {
    return this.#mean.byteLength + this.#squares.byteLength + this.#peaks.byteLength;
  }

  /**
   * @throws OnliteError ERR_INVALID_ARGUMENT where there is no such axis, ERR_SHAPE_MISMATCH where it
   *   has another size than before.
   */
  add(values: Values, dims: readonly number[]): void {
    const { outer, channels, inner } = channelLayout(dims, this.#axis);
    if (this.#count === 0) {
      this.#mean = new Float64Array(channels);
      this.#squares = new Float64Array(channels);
      this.#peaks = new Float64Array(channels);
    } else if (channels !== this.#mean.length) {
      throw new OnliteError(
        'ERR_SHAPE_MISMATCH',
        `axis ${this.#axis}: ${channels} channels, ${this.#mean.length} before`,
      );
    }
    const added = outer * inner;
    if (added === 0) return;
    const total = this.#count + added;
    const layout = { outer, channels, inner };
    const means = channelSums(values, layout, this.#peaks).map((sum) => sum / added);
    const squares = squaredDeviations(values, layout, means);
    for (let channel = 0; channel < channels; channel++) {
      const distance = (means[channel] ?? 0) - (this.#mean[channel] ?? 0);
      this.#mean[channel] = (this.#mean[channel] ?? 0) + (distance * added) / total;
      const between = (distance * distance * this.#count * added) / total;
      const within = squares[channel] ?? 0;
      this.#squares[channel] = (this.#squares[channel] ?? 0) + within + between;
    }
    this.#count = total;
  }

  get result(): Moments {
    const count = this.#count;
    const variance = this.#squares.map((squares) => squares / count);
    return { count, mean: this.#mean.slice(), variance, peak: this.#peaks.slice() };
  }
}
