import { OnliteError, invalidArgument } from '../../errors';
import { requireSameLength } from './difference';

/** Precision, recall and their harmonic mean; 0 where nothing was predicted or is there. */
export interface PrecisionRecall {
  readonly precision: number;
  readonly recall: number;
  readonly f1: number;
}

/** One class's figures. */
export interface ClassMetrics extends PrecisionRecall {
  readonly label: number;
  /** Rows whose label it is. */
  readonly support: number;
}

/** How well predicted classes agree with the labels. */
export interface ClassificationMetrics {
  readonly kind: 'classification';
  readonly rows: number;
  readonly accuracy: number;
  /** Every class that is a label or was predicted, ascending. */
  readonly classes: readonly ClassMetrics[];
  /** The mean over the classes. */
  readonly macro: PrecisionRecall;
  /** The mean over the classes, by their support. */
  readonly weighted: PrecisionRecall;
  /** Of all rows together; with one class a row each is the accuracy. */
  readonly micro: PrecisionRecall;
  /** Rows are labels, columns predictions, in the order of `classes`; empty of more than 2000 classes. */
  readonly confusionMatrix: readonly (readonly number[])[];
}

const ratio = (part: number, whole: number): number => (whole === 0 ? 0 : part / whole);

function precisionRecall(hits: number, predicted: number, support: number): PrecisionRecall {
  return {
    precision: ratio(hits, predicted),
    recall: ratio(hits, support),
    // 2PR/(P+R), without its division by 0 where P and R are.
    f1: ratio(2 * hits, predicted + support),
  };
}

function mean(items: readonly PrecisionRecall[], weights: readonly number[]): PrecisionRecall {
  const total = weights.reduce((sum, weight) => sum + weight, 0);
  const of = (key: keyof PrecisionRecall): number =>
    ratio(
      items.reduce((sum, item, index) => sum + item[key] * (weights[index] ?? 0), 0),
      total,
    );
  return { precision: of('precision'), recall: of('recall'), f1: of('f1') };
}

/** A matrix of more classes is more than memory or a reader would take. */
const MOST_IN_MATRIX = 2000;

function confusions(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
  classes: readonly number[],
): number[][] {
  if (classes.length > MOST_IN_MATRIX) return [];
  const place = new Map(classes.map((label, index) => [label, index]));
  const matrix = classes.map(() => new Array<number>(classes.length).fill(0));
  for (let row = 0; row < labels.length; row++) {
    const counts = matrix[place.get(labels[row] ?? NaN) ?? 0] ?? [];
    const column = place.get(predictions[row] ?? NaN) ?? 0;
    counts[column] = (counts[column] ?? 0) + 1;
  }
  return matrix;
}

function countsOf(values: ArrayLike<number>): Map<number, number> {
  const counts = new Map<number, number>();
  for (const value of Array.from(values)) counts.set(value, (counts.get(value) ?? 0) + 1);
  return counts;
}

/**
 * Accuracy, precision, recall and F1 with the confusion matrix, as scikit-learn's
 * `precision_recall_fscore_support(zero_division=0)`, `accuracy_score` and `confusion_matrix` give
 * them for one class a row (Sokolova and Lapalme, A systematic analysis of performance measures for
 * classification tasks, 2009, table 3).
 *
 * @param labels - the true class of each row, a whole number
 * @param predictions - the predicted class of each row
 * @throws OnliteError ERR_SHAPE_MISMATCH for unequal lengths, ERR_INVALID_ARGUMENT for no rows or a
 *   class that is not a whole number.
 */
export function classificationMetrics(
  labels: ArrayLike<number>,
  predictions: ArrayLike<number>,
): ClassificationMetrics {
  requireSameLength(labels, predictions);
  requireClasses(labels, 'labels');
  requireClasses(predictions, 'predictions');
  if (labels.length === 0) throw new OnliteError('ERR_INVALID_ARGUMENT', 'labels: there are none');
  const right = Array.from(labels).filter((label, row) => label === predictions[row]);
  const [supports, predicted, hit] = [countsOf(labels), countsOf(predictions), countsOf(right)];
  const order = [...new Set([...supports.keys(), ...predicted.keys()])].sort((a, b) => a - b);
  const classes = order.map((label): ClassMetrics => {
    const support = supports.get(label) ?? 0;
    const figures = precisionRecall(hit.get(label) ?? 0, predicted.get(label) ?? 0, support);
    return { label, ...figures, support };
  });
  const hits = right.length;
  return {
    kind: 'classification',
    rows: labels.length,
    accuracy: hits / labels.length,
    classes,
    macro: mean(classes, new Array<number>(classes.length).fill(1)),
    weighted: mean(
      classes,
      classes.map(({ support }) => support),
    ),
    micro: precisionRecall(hits, labels.length, labels.length),
    confusionMatrix: confusions(labels, predictions, order),
  };
}

function requireClasses(values: ArrayLike<number>, path: string): void {
  for (let row = 0; row < values.length; row++) {
    if (!Number.isSafeInteger(values[row])) {
      throw invalidArgument(`${path}[${row}]`, 'the whole number of a class', values[row]);
    }
  }
}
