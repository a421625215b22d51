import { median } from '../../bench/statistics';
import { OnliteError } from '../../errors';
import { requireSameLength } from './difference';

/** How far predicted numbers are from the targets, in the targets' unit. */
export interface RegressionMetrics {
  readonly kind: 'regression';
  readonly rows: number;
  readonly meanAbsoluteError: number;
  readonly meanSquaredError: number;
  readonly rootMeanSquaredError: number;
  readonly medianAbsoluteError: number;
  readonly maxError: number;
  /** Coefficient of determination R²; NaN for fewer than two rows. */
  readonly r2: number;
  /** 1 − Var(error) ∕ Var(target). */
  readonly explainedVariance: number;
}

const mean = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value, 0) / values.length;

const squares = (values: readonly number[]): number =>
  values.reduce((sum, value) => sum + value * value, 0);

const deviations = (values: readonly number[]): number[] => {
  const centre = mean(values);
  return values.map((value) => value - centre);
};

/** 1 − part ∕ whole; where the targets do not vary 1 for no error, else 0, as scikit-learn has it. */
function explained(part: number, whole: number): number {
  if (whole !== 0) return 1 - part / whole;
  return part === 0 ? 1 : 0;
}

type Column = Omit<RegressionMetrics, 'kind' | 'rows'>;

function columnMetrics(targets: readonly number[], predictions: readonly number[]): Column {
  const errors = targets.map((target, row) => target - (predictions[row] ?? NaN));
  const absolute = errors.map(Math.abs);
  const total = squares(deviations(targets));
  const squared = squares(errors);
  return {
    meanAbsoluteError: mean(absolute),
    meanSquaredError: squared / errors.length,
    rootMeanSquaredError: Math.sqrt(squared / errors.length),
    medianAbsoluteError: median(absolute),
    maxError: absolute.reduce((most, error) => Math.max(most, error), 0),
    r2: errors.length < 2 ? NaN : explained(squared, total),
    explainedVariance: explained(squares(deviations(errors)), total),
  };
}

/**
 * Regression errors, as scikit-learn's functions of these names give them. Of several targets a row
 * each figure is the mean over the targets (`multioutput='uniform_average'`), the greatest error the
 * greatest of all.
 *
 * @param targets - a row each, of as many numbers as `predictions` has
 * @throws OnliteError ERR_SHAPE_MISMATCH for unequal lengths, ERR_INVALID_ARGUMENT for no rows.
 */
export function regressionMetrics(
  targets: readonly ArrayLike<number>[],
  predictions: readonly ArrayLike<number>[],
): RegressionMetrics {
  requireSameLength(targets, predictions);
  const width = targets[0]?.length ?? 0;
  if (width === 0) throw new OnliteError('ERR_INVALID_ARGUMENT', 'targets: there are none');
  for (const row of [...targets, ...predictions]) requireSameLength(targets[0] ?? [], row);
  const columns = Array.from({ length: width }, (_, column) => {
    const values = (rows: readonly ArrayLike<number>[]): number[] =>
      rows.map((row) => row[column] ?? NaN);
    return columnMetrics(values(targets), values(predictions));
  });
  const average = (key: keyof Column): number => mean(columns.map((column) => column[key]));
  return {
    kind: 'regression',
    rows: targets.length,
    meanAbsoluteError: average('meanAbsoluteError'),
    meanSquaredError: average('meanSquaredError'),
    rootMeanSquaredError: average('rootMeanSquaredError'),
    medianAbsoluteError: average('medianAbsoluteError'),
    maxError: Math.max(...columns.map(({ maxError }) => maxError)),
    r2: average('r2'),
    explainedVariance: average('explainedVariance'),
  };
}
