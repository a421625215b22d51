import { randomNumbers } from './random';
import { median, percentile } from './statistics';

/**
 * Repetitions of a measurement: a number for each, or, where the repetitions come in groups that
 * share something (a process, a machine, a day), a list of groups.
 */
export type Repetitions = readonly number[] | readonly (readonly number[])[];

/** How {@link compareMedians} decides. */
export interface ComparisonOptions {
  /** Share of such intervals that hold the true ratio. Default 0.95. */
  readonly confidence?: number;
  /** How often the repetitions are drawn anew. Default 2000. */
  readonly resamples?: number;
  /** The draws are the same for the same seed. Default 1. */
  readonly seed?: number;
  /** The smallest change of the ratio that matters; 0.01 is 1 %. Default 0. */
  readonly tolerance?: number;
}

/** What the repetitions of two sides say of each other. */
export interface Comparison {
  /** The subject's value divided by the baseline's; below 1 is a shorter time. */
  readonly ratio: number;
  /** The ratio's confidence interval; whole where there are too few repetitions to tell. */
  readonly interval: readonly [low: number, high: number];
  /**
   * `greater` or `less`: the whole interval lies beyond 1 by more than the tolerance; `same`: it
   * lies within the tolerance; `unclear`: neither.
   */
  readonly verdict: 'greater' | 'less' | 'same' | 'unclear';
}

type Groups = readonly Float64Array[];

/** Two-sided 97.5 % quantiles of Student's t by degrees of freedom, from 1; beyond, the normal's. */
const T975 = [
  12.706, 4.303, 3.182, 2.776, 2.571, 2.447, 2.365, 2.306, 2.262, 2.228, 2.201, 2.179, 2.16, 2.145,
  2.131, 2.12, 2.11, 2.101, 2.093, 2.086, 2.08, 2.074, 2.069, 2.064, 2.06, 2.056, 2.052, 2.048,
  2.045, 2.042,
];
const Z975 = 1.96;

function groupsOf(repetitions: Repetitions): Groups {
  const groups = (repetitions as readonly (number | readonly number[])[]).map((item) =>
    Float64Array.from(typeof item === 'number' ? [item] : item),
  );
  const filled = groups.filter((group) => group.length > 0);
  if (filled.length === 0) throw new RangeError('no repetitions');
  for (const value of filled.flatMap((group) => [...group])) {
    if (!(value > 0 && value < Infinity)) {
      throw new RangeError(`a repetition: expected a number above 0, got ${value}`);
    }
  }
  return filled;
}

/** The mean of the groups' medians on the log scale: each group has the same say. */
const logCentre = (groups: Groups): number =>
  groups.reduce((sum, group) => sum + Math.log(median(group)), 0) / groups.length;

/** Draws groups, and values within each, with replacement. */
function draw(groups: Groups, random: () => number): Groups {
  const pick = (count: number): number => Math.min(Math.floor(random() * count), count - 1);
  return groups.map(() => {
    const group = groups[pick(groups.length)] ?? new Float64Array();
    return group.map(() => group[pick(group.length)] ?? NaN);
  });
}

/**
 * Compares two sides by the ratio of their medians, with a bootstrap interval: the repetitions are
 * drawn anew, with replacement, first the groups and then the values within them, and the interval
 * is where the ratios of most draws lie (Davison and Hinkley, Bootstrap Methods, §3.8). A side's
 * value is the geometric mean of its groups' medians; a plain number is a group of its own. Few
 * groups vary less when drawn anew than they did when they were made, so the interval is widened by
 * √(n / (n − 1)) and by Student's t for the number of groups.
 *
 * @param subject - e.g. each process's list of its blocks' medians
 * @param baseline - the same of the other side
 * @throws RangeError for a side without repetitions, or with one that is not above 0.
 */
export function compareMedians(
  subject: Repetitions,
  baseline: Repetitions,
  { confidence = 0.95, resamples = 2000, seed = 1, tolerance = 0 }: ComparisonOptions = {},
): Comparison {
  const sides = [groupsOf(subject), groupsOf(baseline)] as const;
  const [subjectGroups, baselineGroups] = sides;
  const centre = logCentre(subjectGroups) - logCentre(baselineGroups);
  const ratio = Math.exp(centre);
  // One group of one side says nothing of how groups vary.
  const fewest = Math.min(subjectGroups.length, baselineGroups.length);
  if (fewest < 2) return { ratio, interval: [0, Infinity], verdict: 'unclear' };
  const random = randomNumbers(seed);
  const ratios = Float64Array.from({ length: resamples }, () => {
    return logCentre(draw(subjectGroups, random)) - logCentre(draw(baselineGroups, random));
  }).sort();
  const freedom = subjectGroups.length + baselineGroups.length - 2;
  const widening = Math.sqrt(fewest / (fewest - 1)) * ((T975[freedom - 1] ?? Z975) / Z975);
  const tail = ((1 - confidence) / 2) * 100;
  const low = Math.exp(centre + (percentile(ratios, tail) - centre) * widening);
  const high = Math.exp(centre + (percentile(ratios, 100 - tail) - centre) * widening);
  const interval = [Math.min(low, ratio), Math.max(high, ratio)] as const;
  return { ratio, interval, verdict: verdictOf(interval, tolerance) };
}

function verdictOf(
  [low, high]: readonly [number, number],
  tolerance: number,
): Comparison['verdict'] {
  if (low > 1 + tolerance) return 'greater';
  if (high < 1 / (1 + tolerance)) return 'less';
  return low >= 1 / (1 + tolerance) && high <= 1 + tolerance ? 'same' : 'unclear';
}
