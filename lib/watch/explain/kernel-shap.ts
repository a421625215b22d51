import { randomNumbers } from '../../bench/random';
import { requireCount } from '../../checks';
import { OnliteError, invalidArgument } from '../../errors';
import { BatchedModel, type ExplainOptions, type ModelFunction } from './explain-options';
import { weightedLeastSquares } from './least-squares';

export interface KernelShapOptions extends ExplainOptions {
  /**
   * Sets of features that are asked about. Where there are no more of them all are, and the values
   * are exact. Default 2 · features + 2048, as shap's.
   */
  readonly samples?: number;
  /** Features that are present or absent together, by their indices. Default: each by itself. */
  readonly groups?: readonly (readonly number[])[];
}

/** What each feature adds to each output. */
export interface ShapValues {
  /** The outputs' means over the background. */
  readonly base: readonly number[];
  /** The outputs for the row; each is its base and its values' sum. */
  readonly outputs: readonly number[];
  /** By output, then by feature or group. */
  readonly values: readonly (readonly number[])[];
  /** Whether all sets of features were asked about. */
  readonly isExact: boolean;
}

/** Which groups are present, and how much that counts. */
interface Coalition {
  readonly mask: Uint8Array;
  weight: number;
}

/** All subsets of `size` of `groups`, one after the other. */
function* subsets(groups: number, size: number): Generator<Uint8Array> {
  const chosen = Array.from({ length: size }, (_, index) => index);
  for (;;) {
    const mask = new Uint8Array(groups);
    for (const index of chosen) mask[index] = 1;
    yield mask;
    let place = size - 1;
    while (place >= 0 && chosen[place] === groups - size + place) place--;
    if (place < 0) return;
    chosen[place] = (chosen[place] ?? 0) + 1;
    for (let next = place + 1; next < size; next++) chosen[next] = (chosen[next - 1] ?? 0) + 1;
  }
}

function binomial(n: number, k: number): number {
  let result = 1;
  for (let index = 1; index <= k; index++) result = (result * (n - k + index)) / index;
  return Math.round(result);
}

const complement = (mask: Uint8Array): Uint8Array => mask.map((present) => 1 - present);

/** Shapley kernel's weight of all sets of each size together, the sizes paired with their complements. */
function sizeWeights(groups: number): number[] {
  const sizes = Math.ceil((groups - 1) / 2);
  const paired = Math.floor((groups - 1) / 2);
  const weights = Array.from({ length: sizes }, (_, index) => {
    const size = index + 1;
    return ((groups - 1) / (size * (groups - size))) * (size <= paired ? 2 : 1);
  });
  const sum = weights.reduce((all, weight) => all + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * The sets that are asked about: whole sizes as long as they fit, the smallest and largest first;
 * of the rest as many as there is room for are drawn by their weight, each with its complement.
 */
function coalitions(groups: number, samples: number, random: () => number): Coalition[] {
  const weights = sizeWeights(groups);
  const paired = Math.floor((groups - 1) / 2);
  const found: Coalition[] = [];
  let size = 1;
  for (; size <= weights.length; size++) {
    const isPaired = size <= paired;
    const count = binomial(groups, size) * (isPaired ? 2 : 1);
    if (found.length + count > samples) break;
    const weight = (weights[size - 1] ?? 0) / count;
    for (const mask of subsets(groups, size)) {
      found.push({ mask, weight });
      if (isPaired) found.push({ mask: complement(mask), weight });
    }
  }
  if (size > weights.length) return found;
  const left = weights.slice(size - 1);
  return [...found, ...drawn(groups, size, left, samples - found.length, random)];
}

function drawn(
  groups: number,
  firstSize: number,
  weights: readonly number[],
  count: number,
  random: () => number,
): Coalition[] {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const found = new Map<string, Coalition>();
  let draws = 0;
  const add = (mask: Uint8Array): void => {
    const key = mask.join('');
    const known = found.get(key);
    draws++;
    if (known) known.weight++;
    else found.set(key, { mask, weight: 1 });
  };
  for (let attempt = 0; attempt < 4 * count && found.size + 1 < count; attempt++) {
    let place = random() * total;
    let size = firstSize;
    for (const weight of weights) {
      if (place < weight) break;
      place -= weight;
      size++;
    }
    const mask = randomMask(groups, Math.min(size, groups - 1), random);
    add(mask);
    if (size !== groups / 2) add(complement(mask));
  }
  // Together they count as much as all that they were drawn from.
  for (const coalition of found.values()) coalition.weight *= total / draws;
  return [...found.values()];
}

function randomMask(groups: number, size: number, random: () => number): Uint8Array {
  const order = Array.from({ length: groups }, (_, index) => index);
  const mask = new Uint8Array(groups);
  for (let index = 0; index < size; index++) {
    const other = index + Math.floor(random() * (groups - index));
    const chosen = order[other] ?? 0;
    order[other] = order[index] ?? 0;
    mask[chosen] = 1;
  }
  return mask;
}

function meanOf(rows: readonly Float64Array[]): Float64Array {
  const mean = new Float64Array(rows[0]?.length ?? 0);
  for (const row of rows) {
    for (const [index, value] of row.entries()) mean[index] = (mean[index] ?? 0) + value;
  }
  return mean.map((sum) => sum / rows.length);
}

const minus = (a: Float64Array, b: Float64Array): Float64Array =>
  a.map((value, index) => value - (b[index] ?? 0));

/** The background rows with the present groups' features taken from the explained row. */
function maskedRows(
  row: Float64Array,
  background: readonly Float64Array[],
  groups: readonly (readonly number[])[],
  mask: Uint8Array,
): Float64Array[] {
  return background.map((other) => {
    const mixed = Float64Array.from(other);
    for (const [group, features] of groups.entries()) {
      if (mask[group] !== 1) continue;
      for (const feature of features) mixed[feature] = row[feature] ?? NaN;
    }
    return mixed;
  });
}

function requireRows(
  row: Float64Array,
  background: readonly Float64Array[],
  groups: readonly (readonly number[])[],
): void {
  if (background.length === 0) throw invalidArgument('background', 'at least one row', background);
  const wrong = background.findIndex(({ length }) => length !== row.length);
  if (wrong >= 0) {
    throw new OnliteError(
      'ERR_SHAPE_MISMATCH',
      `background[${wrong}]: expected ${row.length} features, got ${background[wrong]?.length ?? 0}`,
    );
  }
  for (const [index, group] of groups.entries()) {
    const isWrong = group.some((feature) => !(feature >= 0 && feature < row.length));
    if (isWrong) throw invalidArgument(`groups[${index}]`, `indices below ${row.length}`, group);
  }
}

/**
 * Shapley values by Kernel SHAP (Lundberg and Lee, A unified approach to interpreting model
 * predictions, 2017): what a feature adds to an output, on average over the orders in which features
 * become known; one that is not known has the background's values. Without regularisation; shap's
 * `KernelExplainer` gives the same where all sets are asked about, with `l1_reg=False` otherwise
 * within the error of the draws.
 *
 * @param model - rows of features in, outputs out
 * @param row - the row to explain
 * @param background - rows that stand for "not known"; a model call has (sets × these) rows
 * @throws OnliteError ERR_SHAPE_MISMATCH for rows of other lengths; ERR_INVALID_ARGUMENT for wrong
 *   options; ERR_CANCELLED by the signal; what the model throws.
 */
export async function kernelShap(
  model: ModelFunction,
  row: Float64Array,
  background: readonly Float64Array[],
  options: KernelShapOptions = {},
): Promise<ShapValues> {
  const groups = options.groups ?? Array.from(row, (_, index) => [index]);
  requireRows(row, background, groups);
  // A group that is in the background as it is in the row adds nothing.
  const varying = groups
    .map((_, index) => index)
    .filter((index) => groups[index]?.some((f) => background.some((other) => other[f] !== row[f])));
  const { samples = 2 * varying.length + 2048, seed = 1 } = options;
  requireCount(samples, 'samples');
  const sets = varying.length < 2 ? [] : coalitions(varying.length, samples, randomNumbers(seed));
  const total = 1 + background.length * (sets.length + 1);
  const asked = new BatchedModel(model, options, total);
  const [outputs = new Float64Array()] = await asked.ask([row]);
  const base = meanOf(await asked.ask(background));
  const gain = minus(outputs, base);
  const kept = varying.map((index) => groups[index] ?? []);
  const means: Float64Array[] = [];
  // Full batches, however few rows the background has.
  const together = Math.ceil(asked.batchSize / background.length);
  for (let first = 0; first < sets.length; first += together) {
    const some = sets.slice(first, first + together);
    const rows = some.flatMap(({ mask }) => maskedRows(row, background, kept, mask));
    const answers = await asked.ask(rows);
    for (const index of some.keys()) {
      const own = answers.slice(index * background.length, (index + 1) * background.length);
      means.push(minus(meanOf(own), base));
    }
  }
  const found = attribute(sets, means, gain, varying.length);
  const values = Array.from(outputs, (_, output) => {
    const all = new Array<number>(groups.length).fill(0);
    for (const [place, index] of varying.entries()) all[index] = found[place]?.[output] ?? 0;
    return all;
  });
  const every = varying.length < 2 || sets.length === 2 ** varying.length - 2;
  return { base: [...base], outputs: [...outputs], values, isExact: every };
}

/** Solves for the values with their sum given: the last one is what the others leave. */
function attribute(
  sets: readonly Coalition[],
  means: readonly Float64Array[],
  gain: Float64Array,
  count: number,
): Float64Array[] {
  if (count === 0) return [];
  if (count === 1) return [gain];
  const x = sets.map(({ mask }) =>
    Float64Array.from({ length: count - 1 }, (_, i) => (mask[i] ?? 0) - (mask[count - 1] ?? 0)),
  );
  const y = sets.map(({ mask }, set) => {
    const last = mask[count - 1] ?? 0;
    return (means[set] ?? gain).map((mean, output) => mean - last * (gain[output] ?? 0));
  });
  const solved = weightedLeastSquares(
    x,
    y,
    sets.map(({ weight }) => weight),
  );
  if (!solved) {
    throw new OnliteError(
      'ERR_INVALID_ARGUMENT',
      `samples: ${sets.length} sets of features do not determine ${count} values; ask about more`,
    );
  }
  const sum = solved.reduce(
    (all, value) => all.map((item, i) => item + (value[i] ?? 0)),
    gain.map(() => 0),
  );
  return [...solved, minus(gain, sum)];
}
