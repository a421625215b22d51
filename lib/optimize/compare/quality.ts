import type { TensorValueMetadata } from '../../engine/session/metadata';
import { OnliteError } from '../../errors';
import { topClass } from '../measures/agreement';
import { classificationMetrics, type ClassificationMetrics } from '../measures/classification';
import { regressionMetrics, type RegressionMetrics } from '../measures/regression';
import { holdsClasses, type OutputValues } from './output-comparison';

/** What labels say: the class of a row, or numbers that it should have. */
export type Task = 'classification' | 'regression';

/** The truth of one row: a class, a number, or several numbers. */
export type Label = number | readonly number[];

/** How good one model is by the labels. */
export type Quality = ClassificationMetrics | RegressionMetrics;

type Values = Float32Array | Float64Array;

/** The class that a row of an output says. */
function predictedClass(row: Values, isLabel: boolean): number {
  if (row.length > 1) return topClass(row);
  const [value = NaN] = row;
  if (isLabel) return value;
  return value >= 0.5 ? 1 : 0;
}

/**
 * Gathers what a model says of labelled rows. A row of several values is the scores of the classes;
 * a single one is the class itself where its type is an integer's, else the probability of class 1.
 */
export class QualityRecorder {
  readonly #labels: Label[] = [];
  readonly #rows: Values[] = [];
  readonly #isLabel: boolean;
  #task: Task | undefined;

  /** @param task - left out, the first sample decides, by labels and output */
  constructor(task: Task | undefined, output: TensorValueMetadata) {
    this.#task = task;
    this.#isLabel = holdsClasses(output);
  }

  /** @throws OnliteError ERR_SHAPE_MISMATCH where the output has not a row for each label. */
  add({ dims, values }: OutputValues, labels: readonly Label[]): void {
    const width = values.length / labels.length;
    if (!Number.isInteger(width) || width === 0) {
      throw new OnliteError(
        'ERR_SHAPE_MISMATCH',
        `labels: ${labels.length} for an output of [${dims.join(',')}]`,
      );
    }
    for (const [row, label] of labels.entries()) {
      this.#labels.push(label);
      this.#rows.push(values.slice(row * width, (row + 1) * width));
    }
    this.#task ??= this.#looksLikeClasses(labels, width) ? 'classification' : 'regression';
  }

  #looksLikeClasses(labels: readonly Label[], width: number): boolean {
    return (this.#isLabel || width > 1) && labels.every((label) => Number.isSafeInteger(label));
  }

  /** @throws OnliteError ERR_INVALID_ARGUMENT or ERR_SHAPE_MISMATCH for labels of another task. */
  get result(): Quality {
    if (this.#task === 'regression') {
      const targets = this.#labels.map((label) => (typeof label === 'number' ? [label] : label));
      return regressionMetrics(targets, this.#rows);
    }
    return classificationMetrics(
      this.#labels.map((label) => (typeof label === 'number' ? label : NaN)),
      this.#rows.map((row) => predictedClass(row, this.#isLabel)),
    );
  }
}
