import { checkArray, checkOptions, optionalInteger } from '../../checks';
import { invalidArgument } from '../../errors';
import { decodeHdr } from './hdr-encoding';
import { HistogramReader } from './histogram-reader';
import { native, type NativeHistogram } from '../addon/native';
import { typedArrayName } from '../tensor/typed-array';

/** How precise a {@link LatencyHistogram} is and how far it reaches; both cost memory. */
export interface LatencyHistogramOptions {
  /** Significant decimal digits that values are kept to. Default 2. */
  significantDigits?: 1 | 2 | 3;
  /**
   * The highest value, 2 to `Number.MAX_SAFE_INTEGER`; larger ones count as it.
   * Default 3.6e12: an hour in nanoseconds.
   */
  highest?: number;
}

const keys: ReadonlySet<string> = new Set<keyof LatencyHistogramOptions>([
  'significantDigits',
  'highest',
]);
const hour = 3_600_000_000_000;
/** An array may claim any length. */
const maxValues = 2 ** 24;

let isLatencyHistogram: (value: unknown) => value is LatencyHistogram;

/** A histogram of the addon's for the constructor. No caller has one. */
class Adopted {
  constructor(readonly histogram: NativeHistogram) {}
}

/**
 * A log-linear (HDR) histogram for timings of your own: fixed memory (37 kB with
 * the defaults), recording without allocation, percentiles within the stated
 * precision. The same as those of `session.latency`.
 *
 * ```ts
 * const histogram = new LatencyHistogram();
 * const start = process.hrtime.bigint();
 * work();
 * histogram.record(process.hrtime.bigint() - start);
 * histogram.percentile(99);
 * ```
 */
export class LatencyHistogram extends HistogramReader {
  readonly #native: NativeHistogram;

  static {
    isLatencyHistogram = (value): value is LatencyHistogram =>
      typeof value === 'object' && value !== null && #native in value;
  }

  /** @throws OnliteError ERR_INVALID_ARGUMENT for an unknown or wrong option. */
  constructor(options?: LatencyHistogramOptions);
  /** @internal */
  constructor(adopted: Adopted);
  constructor(options?: LatencyHistogramOptions | Adopted) {
    const histogram = options instanceof Adopted ? options.histogram : create(options);
    super(histogram);
    this.#native = histogram;
  }

  /**
   * Reads what {@link HistogramReader.encode} or another implementation of
   * HdrHistogram has written, with its precision and range.
   *
   * @param text - HdrHistogram V2 compressed, base64
   * @throws OnliteError ERR_INVALID_ARGUMENT for anything else.
   */
  static decode(text: string): LatencyHistogram {
    return adoptHistogram(decodeHdr(text));
  }

  /** Significant decimal digits that values are kept to. */
  get significantDigits(): number {
    return this.#native.layout()[0] ?? 0;
  }

  /** The highest value that is told from larger ones. */
  get highest(): number {
    return this.#native.layout()[1] ?? 0;
  }

  /**
   * Counts one sample.
   *
   * @param nanoseconds - at least 0; a fraction is cut off. A bigint is for
   *   differences of `process.hrtime.bigint()`.
   * @throws OnliteError ERR_INVALID_ARGUMENT for anything else.
   */
  record(nanoseconds: number | bigint): void {
    this.#native.record(typeof nanoseconds === 'number' ? nanoseconds : toNumber(nanoseconds));
  }

  /**
   * Counts many samples, or none if one of them is wrong.
   *
   * @param nanoseconds - an array of 2^24 values at most, or a Float64Array
   * @throws OnliteError ERR_INVALID_ARGUMENT unless each is a finite number ≥ 0.
   */
  recordAll(nanoseconds: Float64Array | readonly number[]): void {
    if (typedArrayName(nanoseconds) === 'Float64Array') {
      this.#native.recordAll(nanoseconds as Float64Array);
      return;
    }
    this.#native.recordAll(toFloat64Array(checkArray(nanoseconds, 'values', maxValues)));
  }

  /**
   * Counts another histogram's samples too. If it has another precision or range,
   * each at the middle of its bucket.
   *
   * @throws OnliteError ERR_INVALID_ARGUMENT if it is no histogram or there would
   *   be more than 2^53 - 1 samples.
   */
  add(other: LatencyHistogram): void {
    if (!isLatencyHistogram(other)) {
      throw invalidArgument('other', 'a LatencyHistogram', other);
    }
    this.#native.add(other.#native);
  }

  /** A histogram of its own with the samples that there are now. */
  copy(): LatencyHistogram {
    return adoptHistogram(this.#native.copy());
  }

  /**
   * The samples since the last call of it, since `reset`, or all. Each sample is
   * in one interval; this histogram keeps them all.
   */
  interval(): LatencyHistogram {
    return adoptHistogram(this.#native.interval());
  }

  /** Forgets every sample. */
  reset(): void {
    this.#native.reset();
  }
}

/** The public face of a histogram of the addon's that JavaScript alone has. */
export function adoptHistogram(histogram: NativeHistogram): LatencyHistogram {
  return new LatencyHistogram(new Adopted(histogram));
}

function create(value: unknown): NativeHistogram {
  const options = checkOptions(value, 'options', keys);
  const digits = optionalInteger(options, 'significantDigits', 'options', 1, 3) ?? 2;
  const highest = optionalInteger(options, 'highest', 'options', 2, Number.MAX_SAFE_INTEGER);
  return native().newHistogram(digits, highest ?? hour);
}

function toNumber(value: unknown): number {
  if (typeof value === 'bigint') return Number(value);
  throw invalidArgument('value', 'a finite number of at least 0', value);
}

/** Element by element: a conversion would take strings and objects for numbers. */
function toFloat64Array(values: readonly unknown[]): Float64Array {
  const result = new Float64Array(values.length);
  for (const [index, value] of values.entries()) {
    if (typeof value !== 'number') {
      throw invalidArgument(`values[${index}]`, 'a finite number of at least 0', value);
    }
    result[index] = value;
  }
  return result;
}
