import { spread, type Spread } from './statistics';

/** The two sides of a comparison; each gives the result of one slice of measurement. */
export interface InterleaveOptions<Slice, BaselineSlice = Slice> {
  /** What is measured. */
  readonly subject: () => Slice | Promise<Slice>;
  /** What it is compared with. */
  readonly baseline: () => BaselineSlice | Promise<BaselineSlice>;
  /** Slices of each side; at least 6 for a 95 % interval of the median. */
  readonly repetitions: number;
  /** The number that is compared, of a slice's result. By default its `p50`. */
  readonly value?: (slice: Slice | BaselineSlice) => number;
  /** How often everything is measured, at most, while the baseline is not steady. By default 3. */
  readonly attempts?: number;
  readonly onRepetition?: (done: number, all: number) => void;
}

/** What {@link interleave} found. */
export interface Interleaved<Slice, BaselineSlice = Slice> {
  /** Subject divided by baseline, within a repetition. */
  readonly ratio: Spread;
  /** Subject minus baseline, within a repetition. */
  readonly difference: Spread;
  readonly subject: Spread;
  readonly baseline: Spread;
  /** Every slice's result, in order. */
  readonly slices: { readonly subject: Slice[]; readonly baseline: BaselineSlice[] };
  /** How often everything was measured before the baseline was steady. */
  readonly attempts: number;
  /** No attempt had a steady baseline: the ratio decides nothing. */
  readonly noisy?: true;
}

/** A baseline that varies more than this between slices says that the machine was not ours. */
const STEADY = 1.25;
const ATTEMPTS = 3;

const variation = ({ min, max }: Spread): number => max / min;

function valueOf(slice: unknown): number {
  const p50 = (slice as { p50?: unknown } | null | undefined)?.p50;
  if (typeof p50 !== 'number') throw new TypeError('a slice has no p50: give value');
  return p50;
}

async function measureOnce<Slice, BaselineSlice>(
  options: InterleaveOptions<Slice, BaselineSlice>,
): Promise<Omit<Interleaved<Slice, BaselineSlice>, 'attempts'>> {
  const { subject, baseline, repetitions, value = valueOf, onRepetition } = options;
  const slices: { subject: Slice[]; baseline: BaselineSlice[] } = { subject: [], baseline: [] };
  for (let repetition = 0; repetition < repetitions; repetition++) {
    const subjectFirst = repetition % 2 === 0;
    if (subjectFirst) slices.subject.push(await subject());
    slices.baseline.push(await baseline());
    if (!subjectFirst) slices.subject.push(await subject());
    onRepetition?.(repetition + 1, repetitions);
  }
  const subjectValues = slices.subject.map(value);
  const baselineValues = slices.baseline.map(value);
  const pairs = subjectValues.map((number, index) => [number, baselineValues[index] ?? NaN]);
  return {
    ratio: spread(pairs.map(([number = NaN, base = NaN]) => number / base)),
    difference: spread(pairs.map(([number = NaN, base = NaN]) => number - base)),
    subject: spread(subjectValues),
    baseline: spread(baselineValues),
    slices,
  };
}

/**
 * Measures two sides in turn, so that what else the machine does falls on both: a slice of one, a
 * slice of the other, and the order changes with each repetition. The ratio is taken within
 * a repetition. Warm both sides up before ({@link warmUp}).
 *
 * Other work on the same core can still slow one side alone. Where the baseline, which always does
 * the same, varied by more than a quarter, everything is measured again, up to `attempts` times, and the
 * attempt with the steadiest baseline counts. Only the baseline decides: choosing by the subject
 * would choose the result.
 */
export async function interleave<Slice, BaselineSlice = Slice>(
  options: InterleaveOptions<Slice, BaselineSlice>,
): Promise<Interleaved<Slice, BaselineSlice>> {
  if (!Number.isSafeInteger(options.repetitions) || options.repetitions < 1) {
    throw new RangeError(`repetitions: expected at least 1, got ${options.repetitions}`);
  }
  const { attempts: most = ATTEMPTS } = options;
  let best = await measureOnce(options);
  let attempts = 1;
  while (variation(best.baseline) > STEADY && attempts < most) {
    const result = await measureOnce(options);
    attempts++;
    if (variation(result.baseline) < variation(best.baseline)) best = result;
  }
  const steady = variation(best.baseline) <= STEADY;
  return { ...best, attempts, ...(steady ? {} : { noisy: true as const }) };
}
