import { randomNumbers } from '../../bench/random';
import { requireCount } from '../../checks';
import { invalidArgument } from '../../errors';
import { BatchedModel, type ExplainOptions, type ModelFunction } from './explain-options';

export interface PermutationOptions extends ExplainOptions {
  /** How often each feature is shuffled. Default 5. */
  readonly repeats?: number;
}

/** How much worse a model is without a feature. */
export interface FeatureImportance {
  readonly feature: number;
  /** The mean loss of the score over the repeats. */
  readonly importance: number;
  /** The standard deviation of the losses. */
  readonly deviation: number;
  readonly losses: readonly number[];
}

export interface PermutationImportance {
  /** With all features as they are. */
  readonly score: number;
  /** In the order of the features. */
  readonly features: readonly FeatureImportance[];
}

function shuffled(length: number, random: () => number): number[] {
  const order = Array.from({ length }, (_, index) => index);
  for (let index = length - 1; index > 0; index--) {
    const other = Math.floor(random() * (index + 1));
    [order[index], order[other]] = [order[other] ?? 0, order[index] ?? 0];
  }
  return order;
}

/**
 * How much a score falls when one feature's values are exchanged between the rows (Breiman, Random
 * forests, 2001; scikit-learn's `permutation_importance`).
 *
 * @param score - of the outputs for the rows, higher is better
 * @throws OnliteError ERR_INVALID_ARGUMENT for fewer than two rows; ERR_CANCELLED by the signal.
 */
export async function permutationImportance(
  model: ModelFunction,
  rows: readonly Float64Array[],
  score: (outputs: readonly Float64Array[]) => number,
  options: PermutationOptions = {},
): Promise<PermutationImportance> {
  if (rows.length < 2) throw invalidArgument('rows', 'at least two', rows);
  const { repeats = 5, seed = 1 } = options;
  requireCount(repeats, 'repeats');
  const count = rows[0]?.length ?? 0;
  const random = randomNumbers(seed);
  const asked = new BatchedModel(model, options, rows.length * (1 + count * repeats));
  const whole = score(await asked.ask(rows));
  const features: FeatureImportance[] = [];
  for (let feature = 0; feature < count; feature++) {
    const losses: number[] = [];
    for (let repeat = 0; repeat < repeats; repeat++) {
      const order = shuffled(rows.length, random);
      const mixed = rows.map((row, index) => {
        const copy = Float64Array.from(row);
        copy[feature] = rows[order[index] ?? 0]?.[feature] ?? NaN;
        return copy;
      });
      losses.push(whole - score(await asked.ask(mixed)));
    }
    const importance = losses.reduce((sum, loss) => sum + loss, 0) / repeats;
    const squares = losses.reduce((sum, loss) => sum + (loss - importance) ** 2, 0);
    features.push({ feature, importance, deviation: Math.sqrt(squares / repeats), losses });
  }
  return { score: whole, features };
}
