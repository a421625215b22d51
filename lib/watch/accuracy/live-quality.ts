import { invalidArgument } from '../../errors';
import {
  classificationMetrics,
  type ClassificationMetrics,
} from '../../optimize/measures/classification';
import { regressionMetrics, type RegressionMetrics } from '../../optimize/measures/regression';
import type { Prediction } from '../rows/row';
import { meanInterval, wilsonInterval, type Interval } from './interval';
import { scorePlaces } from './score-places';
import { areaUnderCurve, expectedCalibrationError, logLoss } from './scores';

/** A row whose true label has come. */
export interface LabelledRow {
  readonly prediction: Prediction;
  readonly label: number | string;
}

export interface LiveClassification extends Omit<ClassificationMetrics, 'classes'> {
  readonly accuracyInterval: Interval;
  /** The classes' names, or numbers, in the order of `classes` and `confusionMatrix`. */
  readonly labels: readonly (number | string)[];
  readonly classes: ClassificationMetrics['classes'];
  /** Where the model gives scores. */
  readonly logLoss?: number;
  /** Area under the ROC curve; not there while there is one class only. */
  readonly auc?: number;
  readonly calibrationError?: number;
}

export interface LiveRegression extends RegressionMetrics {
  readonly meanAbsoluteErrorInterval: Interval;
}

export type LiveQuality = LiveClassification | LiveRegression;

/** Classes in the order of their numbers, else of their names. */
function inOrder(values: Iterable<number | string>): (number | string)[] {
  return [...new Set(values)].sort((a, b) =>
    typeof a === 'number' && typeof b === 'number' ? a - b : String(a) < String(b) ? -1 : 1,
  );
}

function scoreMetrics(
  rows: readonly LabelledRow[],
): Pick<LiveClassification, 'logLoss' | 'auc' | 'calibrationError'> {
  const scores = rows.map(({ prediction }) => prediction.scores);
  const classes = scores[0]?.length ?? 0;
  const areScored = scores.every((row): row is readonly number[] => row?.length === classes);
  if (classes === 0 || !areScored) return {};
  const placeOf = scorePlaces(rows, classes);
  const places = rows.map(({ label }) => placeOf(label));
  if (!places.every((place): place is number => place !== undefined)) return {};
  const auc = areaUnderCurve(places, scores);
  return {
    logLoss: logLoss(places, scores),
    ...(Number.isNaN(auc) ? {} : { auc }),
    calibrationError: expectedCalibrationError(places, scores),
  };
}

/**
 * Accuracy and what belongs to it, of classes by number or by name.
 *
 * @param confidence - of the intervals, e.g. 0.95
 */
export function classificationQuality(
  rows: readonly LabelledRow[],
  confidence: number,
): LiveClassification {
  const labels = rows.map(({ label }) => label);
  const predictions = rows.map(({ prediction }) => prediction.value);
  const names = inOrder([...labels, ...predictions]);
  const places = new Map(names.map((name, index) => [name, index]));
  const place = (value: number | string): number => places.get(value) ?? 0;
  const metrics = classificationMetrics(labels.map(place), predictions.map(place));
  const hits = labels.filter((label, row) => label === predictions[row]).length;
  return {
    ...metrics,
    labels: names,
    accuracyInterval: wilsonInterval(hits, rows.length, confidence),
    ...scoreMetrics(rows),
  };
}

/** Errors of predicted numbers. */
export function regressionQuality(
  rows: readonly LabelledRow[],
  confidence: number,
): LiveRegression {
  const targets = rows.map(({ label }) => Number(label));
  const predictions = rows.map(({ prediction }) => Number(prediction.value));
  const errors = targets.map((target, row) => Math.abs(target - (predictions[row] ?? NaN)));
  return {
    ...regressionMetrics(
      targets.map((target) => [target]),
      predictions.map((value) => [value]),
    ),
    meanAbsoluteErrorInterval: meanInterval(errors, confidence),
  };
}

/** @throws OnliteError ERR_INVALID_ARGUMENT */
export function requireConfidence(confidence: unknown): void {
  if (typeof confidence === 'number' && confidence > 0 && confidence < 1) return;
  throw invalidArgument('confidence', 'a number between 0 and 1', confidence);
}
