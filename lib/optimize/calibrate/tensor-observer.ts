import { OnliteError, invalidArgument } from '../../errors';
import type { Range } from '../quantize/parameters';
import { ChannelMoments, type Moments } from './channel-moments';
import { entropyRange } from './entropy';
import { extentOf, type Values } from './extent';
import { GrowingHistogram } from './growing-histogram';
import { meanSquaredErrorRange } from './mean-squared-error';
import { percentileRange } from './percentile';

/** How a tensor's range is found from the values that it took. */
export type RangeMethod =
  /** All values. */
  | { readonly method: 'minmax' }
  /** So many of 100 values, half of the others beyond either end; default 99.99. */
  | { readonly method: 'percentile'; readonly percentile?: number }
  /** Least divergence of the quantised distribution; default 256 levels. */
  | { readonly method: 'entropy'; readonly levels?: number }
  /** Least mean squared error of quantising; default 256 levels, not symmetric. */
  | { readonly method: 'mse'; readonly levels?: number; readonly symmetric?: boolean };

const PERCENTILE = 99.99;
const LEVELS = 256;
const MOST_LEVELS = 1024;

/** @throws OnliteError ERR_INVALID_ARGUMENT */
export function checkRangeMethod(request: RangeMethod): void {
  if (typeof (request as unknown) !== 'object' || (request as unknown) === null) {
    throw invalidArgument('method', 'an object with the method', request);
  }
  switch (request.method) {
    case 'minmax':
      return;
    case 'percentile': {
      const { percentile = PERCENTILE } = request;
      if (Number.isFinite(percentile) && percentile > 0 && percentile <= 100) return;
      throw invalidArgument('percentile', 'a number above 0, up to 100', percentile);
    }
    case 'entropy':
    case 'mse': {
      const { levels = LEVELS } = request;
      if (Number.isInteger(levels) && levels >= 4 && levels <= MOST_LEVELS) return;
      throw invalidArgument('levels', `an integer from 4 to ${MOST_LEVELS}`, levels);
    }
    default:
      throw invalidArgument(
        'method',
        'minmax, percentile, entropy or mse',
        (request as { method?: unknown }).method,
      );
  }
}

/** What is to be known of a tensor. */
export interface Observation {
  /** For ranges by other methods than minmax. */
  readonly histogram: boolean;
  /** The channels' dimension, for {@link Moments}. */
  readonly momentsAxis?: number;
}

/** What one tensor's values were, over all samples, in memory that does not grow with them. */
export class TensorObserver {
  readonly name: string;
  readonly #histogram: GrowingHistogram | undefined;
  readonly #moments: ChannelMoments | undefined;
  #min = Infinity;
  #max = -Infinity;
  #infinities = 0;

  constructor(name: string, { histogram, momentsAxis }: Observation) {
    this.name = name;
    this.#histogram = histogram ? new GrowingHistogram() : undefined;
    this.#moments = momentsAxis === undefined ? undefined : new ChannelMoments(momentsAxis);
  }

  get byteLength(): number {
    return (this.#histogram?.byteLength ?? 0) + (this.#moments?.byteLength ?? 0);
  }

  /** Values that were left out; attention masks have some. */
  get infinities(): number {
    return this.#infinities;
  }

  get moments(): Moments | undefined {
    return this.#moments?.result;
  }

  /**
   * @throws OnliteError ERR_RUN_FAILED for NaN, ERR_INVALID_ARGUMENT or ERR_SHAPE_MISMATCH where the
   *   channels of moments are not there or not as many as before.
   */
  add(values: Values, dims: readonly number[]): void {
    const extent = extentOf(values);
    if (extent.nans > 0) {
      const message = `tensor '${this.name}': ${extent.nans} of ${values.length} values are NaN`;
      throw new OnliteError('ERR_RUN_FAILED', message);
    }
    this.#min = Math.min(this.#min, extent.min);
    this.#max = Math.max(this.#max, extent.max);
    this.#infinities += extent.infinities;
    this.#histogram?.add(values, extent);
    this.#moments?.add(values, dims);
  }

  /** @throws OnliteError ERR_UNSUPPORTED where no finite value was seen, or there is no histogram. */
  range(request: RangeMethod): Range {
    if (this.#min > this.#max) throw this.#unsupported('has taken no finite value');
    if (request.method === 'minmax') return { min: this.#min, max: this.#max };
    if (!this.#histogram) throw this.#unsupported(`has no histogram for '${request.method}'`);
    const histogram = this.#histogram.result;
    switch (request.method) {
      case 'percentile':
        return percentileRange(histogram, request.percentile ?? PERCENTILE);
      case 'entropy':
        return entropyRange(histogram, request.levels ?? LEVELS);
      case 'mse': {
        const { levels = LEVELS, symmetric = false } = request;
        return meanSquaredErrorRange(histogram, { levels, symmetric });
      }
    }
  }

  #unsupported(reason: string): OnliteError {
    return new OnliteError('ERR_UNSUPPORTED', `tensor '${this.name}' ${reason}`);
  }
}
