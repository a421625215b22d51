import { native } from '../../engine/addon/native';
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

/**
 * Mean, variance and greatest magnitude of each channel over any number of tensors, by the merging of
 * Chan, Golub and LeVeque (Updating Formulae and a Pairwise Algorithm for Computing Sample Variances,
 * 1979), each tensor's by sums of distances from the mean until then: no digits are lost where the mean
 * is far from 0.
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
      this.#pivot(values, { outer, channels, inner });
    } else if (channels !== this.#mean.length) {
      throw new OnliteError(
        'ERR_SHAPE_MISMATCH',
        `axis ${this.#axis}: ${channels} channels, ${this.#mean.length} before`,
      );
    }
    const added = outer * inner;
    if (added === 0 || channels === 0) return;
    const total = this.#count + added;
    const distances = new Float64Array(channels);
    const squares = new Float64Array(channels);
    native().addChannelSums(values, inner, this.#mean, this.#peaks, distances, squares);
    for (let channel = 0; channel < channels; channel++) {
      const distance = (distances[channel] ?? 0) / added;
      const within = Math.max(0, (squares[channel] ?? 0) - distance * distance * added);
      this.#mean[channel] = (this.#mean[channel] ?? 0) + (distance * added) / total;
      const between = (distance * distance * this.#count * added) / total;
      this.#squares[channel] = (this.#squares[channel] ?? 0) + within + between;
    }
    this.#count = total;
  }

  /** Takes the first value of each channel for its mean until others are known. */
  #pivot(values: Values, { outer, inner }: ChannelLayout): void {
    if (outer * inner === 0) return;
    this.#mean = this.#mean.map((_, channel) => values[channel * inner] ?? 0);
  }

  get result(): Moments {
    const count = this.#count;
    const variance = this.#squares.map((squares) => squares / count);
    return { count, mean: this.#mean.slice(), variance, peak: this.#peaks.slice() };
  }
}
