// What scores are of, where classes are not numbered from 0 on.
import { describe, expect, it } from 'vitest';

import { classificationQuality, ModelWatch, type LabelledRow } from '../../../lib/watch';
import type { RowTensor, RowTensors } from '../../../lib/watch';

type Class = number | string;

/** Rows of three classes with scores, most of them right. */
const rows = Array.from({ length: 300 }, (_, index): { scores: number[]; label: number } => {
  const raw = [0, 1, 2].map((at) => 0.1 + Math.abs(Math.sin(index * 7.13 + at * 2.4)));
  const sum = raw.reduce((all, value) => all + value, 0);
  const scores = raw.map((value) => value / sum);
  const best = scores.indexOf(Math.max(...scores));
  return { scores, label: index % 5 === 0 ? (best + 1) % 3 : best };
});

const best = (scores: readonly number[]): number => scores.indexOf(Math.max(...scores));

const labelled = (names: readonly Class[], classes?: readonly Class[]): LabelledRow[] =>
  rows.map(({ scores, label }) => ({
    prediction: { value: names[best(scores)]!, scores, ...(classes && { classes }) },
    label: names[label]!,
  }));

const figures = (of: readonly LabelledRow[]) => {
  const { accuracy, logLoss, auc, calibrationError } = classificationQuality(of, 0.95);
  return { accuracy, logLoss, auc, calibrationError };
};

const expected = figures(labelled([0, 1, 2]));

describe('figures of scores', () => {
  it('are there', () => {
    expect(expected).toEqual({
      ...{ accuracy: 0.8, logLoss: expect.any(Number) as number },
      ...{ auc: expect.any(Number) as number, calibrationError: expect.any(Number) as number },
    });
  });

  it.each([[[1, 2, 3]], [[10, 5, 7]], [['cat', 'dog', 'eel']], [[2, 0, 1]]])(
    'are the same for the classes %j, known or not',
    (names) => {
      expect(figures(labelled(names))).toEqual(expected);
      expect(figures(labelled(names, names))).toEqual(expected);
    },
  );

  it('know a class that is never predicted if it is the only one', () => {
    const names = [1, 2, 3];
    const two = labelled(names).filter(({ prediction: { value } }) => value !== 3);
    expect(two.some(({ label }) => label === 3)).toBe(true);
    const shifted = labelled([0, 1, 2]).filter(({ prediction: { value } }) => value !== 2);
    expect(figures(two)).toEqual(figures(shifted));
  });

  it('are left out where it is not known what the scores are of', () => {
    const unknown = labelled(['cat', 'dog', 'eel'], ['cat', 'dog', 'fox']);
    expect(figures(unknown)).toMatchObject({ accuracy: 0.8 });
    expect(figures(unknown).logLoss).toBeUndefined();
    const strangers = labelled(['a', 'b', 'c']).map((row) => ({ ...row, label: 'z' }));
    expect(figures(strangers).logLoss).toBeUndefined();
    const same = labelled([1, 2, 3]).map(({ prediction, label }, index) => ({
      prediction: { ...prediction, scores: rows[0]!.scores, value: 1 + (index % 2) },
      label,
    }));
    expect(figures(same).logLoss).toBeUndefined();
  });
});

describe('a watched classifier of scikit-learn', () => {
  const open = (prediction = {}) => ModelWatch.open({ model: 'm', sample: 1, prediction });
  const x = { x: { type: 'float32', dims: [1, 1], data: [1] } };
  const label = (of: Class): RowTensor =>
    typeof of === 'string'
      ? { type: 'string', dims: [1], data: [of] }
      : { type: 'int64', dims: [1], data: BigInt64Array.of(BigInt(of)) };

  async function qualityOf(
    names: readonly Class[],
    scoresOf: (scores: number[]) => unknown,
    prediction = {},
  ) {
    const watch = await open(prediction);
    for (const [index, { scores, label: truth }] of rows.entries()) {
      const outputs = { label: label(names[best(scores)]!), probabilities: scoresOf(scores) };
      watch.record({ requestId: `r${index}`, inputs: x, outputs: outputs as RowTensors });
      watch.label(`r${index}`, names[truth]!);
    }
    const { quality, unread, lastFailure } = watch.report();
    await watch.close();
    expect([unread, lastFailure]).toEqual([0, undefined]);
    const found = quality[0]!.quality;
    if (found.kind !== 'classification') throw new Error('expected classes');
    const { accuracy, logLoss, auc, calibrationError } = found;
    return { accuracy, logLoss, auc, calibrationError };
  }

  it.each([[[1, 2, 3]], [['cat', 'dog', 'eel']]])(
    'has scores by its ZipMap of %j, and beside its classes',
    async (names) => {
      const zip = (scores: number[]): unknown => [
        new Map(
          names.map((name, at) => [typeof name === 'number' ? BigInt(name) : name, scores[at]]),
        ),
      ];
      const close = Object.entries(expected).map(
        ([key, value]) => [key, expect.closeTo(value ?? NaN, 12) as number] as const,
      );
      expect(await qualityOf(names, zip)).toEqual(Object.fromEntries(close));
      const tensor = (scores: number[]) => ({ type: 'float64', dims: [1, 3], data: scores });
      expect(await qualityOf(names, tensor)).toEqual(Object.fromEntries(close));
      expect(await qualityOf(names, tensor, { classes: names })).toEqual(Object.fromEntries(close));
    },
  );

  it('takes a list of classes only', async () => {
    for (const classes of ['a', [null], 3]) {
      await expect(open({ classes })).rejects.toThrow('prediction.classes: expected a list');
    }
  });
});
