import { spread } from './statistics.mjs';

/** A baseline that varies more than this between slices says that the machine was not ours. */
const STEADY = 1.25;
const ATTEMPTS = 3;

const variation = ({ min, max }) => max / min;

async function measureOnce({ subject, baseline, repetitions, value, onRepetition }) {
  const slices = { subject: [], baseline: [] };
  for (let repetition = 0; repetition < repetitions; repetition += 1) {
    const subjectFirst = repetition % 2 === 0;
    if (subjectFirst) slices.subject.push(await subject());
    slices.baseline.push(await baseline());
    if (!subjectFirst) slices.subject.push(await subject());
    onRepetition(repetition + 1, repetitions);
  }
  const subjectValues = slices.subject.map(value);
  const baselineValues = slices.baseline.map(value);
  const pairs = subjectValues.map((number, index) => [number, baselineValues[index]]);
  return {
    ratio: spread(pairs.map(([number, base]) => number / base)),
    difference: spread(pairs.map(([number, base]) => number - base)),
    subject: spread(subjectValues),
    baseline: spread(baselineValues),
    slices,
  };
}

/**
 * Measures two sides in turn, so that what else the machine does falls on both: a slice of one,
 * a slice of the other, and the order changes with each repetition. The ratio is taken within
 * a repetition.
 *
 * Other work on the same core can still slow one side alone. Where the baseline, which always
 * does the same, varied by more than a quarter, everything is measured again, and the attempt
 * with the steadiest baseline counts. Only the baseline decides: choosing by the subject would
 * choose the result. `noisy` is set if no attempt was steady; such a ratio decides nothing.
 *
 * @param subject, baseline - give a slice's result, a promise or not
 * @param value - the number that is compared, of a slice's result
 * @returns the ratio and both sides' values, each with its spread over the repetitions, and
 *   every slice's result
 */
export async function interleave({
  value = (slice) => slice.p50,
  onRepetition = () => {},
  ...rest
}) {
  let best;
  for (let attempt = 1; attempt <= ATTEMPTS; attempt += 1) {
    const result = await measureOnce({ value, onRepetition, ...rest });
    if (best === undefined || variation(result.baseline) < variation(best.baseline)) best = result;
    best.attempts = attempt;
    if (variation(best.baseline) <= STEADY) return best;
  }
  return { ...best, noisy: true };
}
