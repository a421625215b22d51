import { throwIfAborted } from '../../abort';
import { requireCount } from '../../checks';
import { invalidArgument } from '../../errors';
import type { ModelFunction } from '../explain/explain-options';
import { normalNumbers, shifted, spreadOf, type PixelLayout } from './perturb';

export interface StabilityOptions {
  /** How often each row is asked about as it is, and with each level of noise. Default 5. */
  readonly repeats?: number;
  /**
   * Levels of normal noise, each the share of a standard deviation of the feature over the rows (of
   * an image: of all its values). Default 0.01, 0.05 and 0.1.
   */
  readonly noise?: readonly number[];
  /** Of rows that are images: they are also moved by a pixel in four directions. */
  readonly image?: PixelLayout;
  /** Whether the outputs are scores of classes, or one class each. Default: of several values, yes. */
  readonly isClassifier?: boolean;
  /** Rows in one call of the model. Default 64. */
  readonly batchSize?: number;
  readonly seed?: number;
  readonly signal?: AbortSignal;
  readonly onProgress?: (progress: { readonly done: number; readonly total: number }) => void;
}

/** How far answers are from those for the rows as they are. */
export interface AnswerSpread {
  /** Answers that were compared. */
  readonly answers: number;
  /** Share of answers of another class; not there for numbers. */
  readonly changedClass?: number;
  /** Share of answers that are not the same to the last bit. */
  readonly changed: number;
  /** Of the outputs' values: the greatest and the mean absolute difference. */
  readonly maxDeviation: number;
  readonly meanDeviation: number;
  /** The greatest difference as a share of the outputs' standard deviation over all rows. */
  readonly relativeDeviation: number;
  /** Answers with a NaN or an infinite value where the row as it is has none. */
  readonly notFinite: number;
}

export interface PerturbedSpread extends AnswerSpread {
  /** `noise` with its level, or `shift` by a pixel. */
  readonly kind: 'noise' | 'shift';
  readonly level: number;
}

export interface Stability {
  readonly rows: number;
  readonly repeats: number;
  /** The same rows again. */
  readonly repeated: AnswerSpread;
  readonly perturbed: readonly PerturbedSpread[];
  /** Rows whose answer has a NaN, or an infinite value. */
  readonly nan: number;
  readonly infinite: number;
  /** Whether all rows, of which there are several different ones, have one and the same answer. */
  readonly isConstant: boolean;
  /** Values of an answer that are the same for all rows, by their index. */
  readonly constantOutputs: readonly number[];
}

const isFinite = (answer: ArrayLike<number>): boolean => Array.from(answer).every(Number.isFinite);

function greatest(answer: ArrayLike<number>): number {
  let best = 0;
  for (let index = 1; index < answer.length; index++) {
    if ((answer[index] ?? NaN) > (answer[best] ?? NaN)) best = index;
  }
  return best;
}

const classOf = (answer: ArrayLike<number>): number =>
  answer.length > 1 ? greatest(answer) : (answer[0] ?? NaN);

const sameRows = (a: ArrayLike<number>, b: ArrayLike<number>): boolean =>
  a.length === b.length && Array.from(a).every((value, index) => Object.is(value, b[index]));

/** Adds up how far answers are from the usual ones. */
class Spread {
  readonly #isClassifier: boolean;
  readonly #scale: number;
  #answers = 0;
  #classes = 0;
  #changed = 0;
  #max = 0;
  #sum = 0;
  #values = 0;
  #notFinite = 0;

  constructor(isClassifier: boolean, scale: number) {
    this.#isClassifier = isClassifier;
    this.#scale = scale;
  }

  add(usual: ArrayLike<number>, answer: ArrayLike<number>): void {
    this.#answers++;
    if (!sameRows(usual, answer)) this.#changed++;
    if (!isFinite(answer) && isFinite(usual)) this.#notFinite++;
    if (this.#isClassifier && !Object.is(classOf(usual), classOf(answer))) this.#classes++;
    for (let index = 0; index < usual.length; index++) {
      const difference = Math.abs((answer[index] ?? NaN) - (usual[index] ?? NaN));
      if (!Number.isFinite(difference)) continue;
      this.#max = Math.max(this.#max, difference);
      this.#sum += difference;
      this.#values++;
    }
  }

  get result(): AnswerSpread {
    const answers = this.#answers;
    return {
      answers,
      ...(this.#isClassifier ? { changedClass: this.#classes / answers } : {}),
      changed: this.#changed / answers,
      maxDeviation: this.#max,
      meanDeviation: this.#values === 0 ? 0 : this.#sum / this.#values,
      relativeDeviation: this.#max === 0 ? 0 : this.#max / this.#scale,
      notFinite: this.#notFinite,
    };
  }
}

function constants(answers: readonly ArrayLike<number>[]): number[] {
  const [first] = answers;
  if (!first || answers.length < 2) return [];
  return Array.from(first, (_, index) => index).filter((index) =>
    answers.every((answer) => Object.is(answer[index], first[index])),
  );
}

/** What noise of a level has as its standard deviation, by feature. */
function noiseScales(
  rows: readonly Float64Array[],
  image: PixelLayout | undefined,
): (feature: number) => number {
  if (image) {
    const { deviation } = spreadOf(Float64Array.from(rows.flatMap((row) => [...row])));
    return () => deviation;
  }
  const [first = new Float64Array()] = rows;
  const deviations = Array.from(
    first,
    (_, feature) => spreadOf(rows.map((row) => row[feature] ?? NaN)).deviation,
  );
  return (feature) => deviations[feature] ?? 0;
}

const SHIFTS = [
  [1, 0],
  [-1, 0],
  [0, 1],
  [0, -1],
] as const;

function requireNoise(noise: readonly number[]): void {
  for (const [index, level] of noise.entries()) {
    if (!(level > 0 && level < Infinity))
      throw invalidArgument(`noise[${index}]`, 'a number above 0', level);
  }
}

/**
 * How far a model's answers are from each other where the same rows are asked about again, and where
 * they are changed a little.
 *
 * @param rows - of one width; noise of single rows has no deviation to go by, so two are needed
 * @throws OnliteError ERR_INVALID_ARGUMENT for wrong options and fewer than two rows; ERR_CANCELLED by
 *   the signal; what the model throws.
 */
export async function measureStability(
  model: ModelFunction,
  rows: readonly Float64Array[],
  options: StabilityOptions = {},
): Promise<Stability> {
  const { repeats = 5, noise = [0.01, 0.05, 0.1], image, seed = 1, batchSize = 64 } = options;
  if (rows.length < 2) throw invalidArgument('rows', 'at least two', rows);
  requireCount(repeats, 'repeats');
  requireCount(batchSize, 'batchSize');
  requireNoise(noise);
  const rounds = 1 + repeats * (1 + noise.length) + (image ? SHIFTS.length : 0);
  const total = rows.length * rounds;
  let done = 0;
  /** One round: all rows, changed or not, batch by batch; each answer goes to `take`. */
  const ask = async (
    change: (row: Float64Array) => Float64Array,
    take: (answer: ArrayLike<number>, row: number) => void,
  ): Promise<void> => {
    for (let first = 0; first < rows.length; first += batchSize) {
      throwIfAborted(options.signal, 'measuring the stability');
      const batch = rows.slice(first, first + batchSize).map(change);
      const answers = await model(batch);
      if (answers.length !== batch.length) {
        throw invalidArgument('model', `an answer for each of ${batch.length} rows`, answers);
      }
      for (const [index, answer] of answers.entries()) take(answer, first + index);
      done += batch.length;
      options.onProgress?.({ done, total });
    }
  };
  const same = (row: Float64Array): Float64Array => row;
  const usual: ArrayLike<number>[] = [];
  await ask(same, (answer) => usual.push(answer));
  const isClassifier = options.isClassifier ?? (usual[0]?.length ?? 0) > 1;
  const { deviation } = spreadOf(usual.flatMap((answer) => Array.from(answer)));
  const compareWith = (spread: Spread) => (answer: ArrayLike<number>, row: number) =>
    spread.add(usual[row] ?? [], answer);
  const repeated = new Spread(isClassifier, deviation);
  for (let round = 0; round < repeats; round++) await ask(same, compareWith(repeated));
  const perturbed: PerturbedSpread[] = [];
  const scaleOf = noiseScales(rows, image);
  const normal = normalNumbers(seed);
  for (const level of noise) {
    const spread = new Spread(isClassifier, deviation);
    const noisy = (row: Float64Array): Float64Array =>
      row.map((value, feature) => value + level * scaleOf(feature) * normal());
    for (let round = 0; round < repeats; round++) await ask(noisy, compareWith(spread));
    perturbed.push({ kind: 'noise', level, ...spread.result });
  }
  if (image) {
    const spread = new Spread(isClassifier, deviation);
    for (const [right, down] of SHIFTS)
      await ask((row) => shifted(row, image, right, down), compareWith(spread));
    perturbed.push({ kind: 'shift', level: 1, ...spread.result });
  }
  const constantOutputs = constants(usual);
  const areDifferent = rows.some((row) => !sameRows(row, rows[0] ?? []));
  return {
    rows: rows.length,
    repeats,
    repeated: repeated.result,
    perturbed,
    nan: usual.filter((answer) => Array.from(answer).some(Number.isNaN)).length,
    infinite: usual.filter((answer) => Array.from(answer).some((v) => Math.abs(v) === Infinity))
      .length,
    isConstant: areDifferent && constantOutputs.length === (usual[0]?.length ?? NaN),
    constantOutputs,
  };
}
