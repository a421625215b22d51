import { invalidArgument } from '../../errors';

/** Probabilities of each class, a row each. */
export type ScoreRows = readonly ArrayLike<number>[];

const EPSILON = 2 ** -52;

function requireRows(labels: ArrayLike<number>, scores: ScoreRows): void {
  if (labels.length === 0 || labels.length !== scores.length) {
    throw invalidArgument(
      'scores',
      `as many rows as labels (${labels.length}, at least 1)`,
      scores,
    );
  }
}

/**
 * The mean of −ln p(label), in nats; probabilities are brought to a sum of 1 and kept 2⁻⁵² away from
 * 0 and 1, as scikit-learn's `log_loss`.
 *
 * @param scores - probabilities, a row for each label
 * @throws OnliteError ERR_INVALID_ARGUMENT for no rows, or another number of them.
 */
export function logLoss(labels: ArrayLike<number>, scores: ScoreRows): number {
  requireRows(labels, scores);
  let sum = 0;
  for (const [row, probabilities] of scores.entries()) {
    const values = Array.from(probabilities, (p) => Math.min(Math.max(p, EPSILON), 1 - EPSILON));
    const total = values.reduce((all, value) => all + value, 0);
    sum -= Math.log((values[labels[row] ?? -1] ?? EPSILON) / total);
  }
  return sum / labels.length;
}

/**
 * The probability that a positive row has a higher score than a negative one, equal ones half: the
 * area under the ROC curve (Hanley and McNeil, 1982), by ranks. NaN where one kind is missing.
 */
function binaryAuc(isPositive: readonly boolean[], scores: ArrayLike<number>): number {
  const order = isPositive.map((_, row) => row);
  order.sort((a, b) => (scores[a] ?? NaN) - (scores[b] ?? NaN));
  let [positives, rankSum] = [0, 0];
  for (let first = 0; first < order.length;) {
    let end = first + 1;
    const value = scores[order[first] ?? 0];
    while (end < order.length && scores[order[end] ?? 0] === value) end++;
    const rank = (first + 1 + end) / 2;
    for (let at = first; at < end; at++) {
      if (isPositive[order[at] ?? 0] !== true) continue;
      positives++;
      rankSum += rank;
    }
    first = end;
  }
  const negatives = isPositive.length - positives;
  return (rankSum - (positives * (positives + 1)) / 2) / (positives * negatives);
}

/**
 * The area under the ROC curve: of two classes for the second one, of more the mean over the classes
 * that are among the labels, each against all others (scikit-learn's `roc_auc_score` with
 * `multi_class="ovr"`, `average="macro"`).
 */
export function areaUnderCurve(labels: ArrayLike<number>, scores: ScoreRows): number {
  requireRows(labels, scores);
  const ofClass = (label: number): number =>
    binaryAuc(
      Array.from(labels, (of) => of === label),
      scores.map((row) => row[label] ?? NaN),
    );
  const classes = scores[0]?.length ?? 0;
  if (classes === 2) return ofClass(1);
  const present = Array.from({ length: classes }, (_, label) => label).filter((label) =>
    Array.from(labels).includes(label),
  );
  return present.reduce((sum, label) => sum + ofClass(label), 0) / present.length;
}

/**
 * The expected calibration error: how far, on average, the probability of the predicted class is from
 * how often it is right, over equal ranges of the probability (Guo et al., On calibration of modern
 * neural networks, 2017, eq. 3).
 *
 * @param bins - default 15
 */
export function expectedCalibrationError(
  labels: ArrayLike<number>,
  scores: ScoreRows,
  bins = 15,
): number {
  requireRows(labels, scores);
  const ranges = Array.from({ length: bins }, () => ({ confidence: 0, hits: 0 }));
  for (const [row, probabilities] of scores.entries()) {
    const values = Array.from(probabilities);
    const confidence = Math.max(...values);
    // A range holds its upper edge, not its lower one.
    const place = Math.min(Math.max(Math.ceil(confidence * bins) - 1, 0), bins - 1);
    const range = ranges[place];
    if (!range) continue;
    range.confidence += confidence;
    if (values.indexOf(confidence) === labels[row]) range.hits++;
  }
  const gaps = ranges.map(({ confidence, hits }) => Math.abs(confidence - hits));
  return gaps.reduce((sum, gap) => sum + gap, 0) / labels.length;
}
