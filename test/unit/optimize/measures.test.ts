import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { AgreementCount, topClass } from '../../../lib/optimize/measures/agreement';
import { classificationMetrics } from '../../../lib/optimize/measures/classification';
import { difference, DifferenceSums } from '../../../lib/optimize/measures/difference';
import { klDivergence, scoreKind } from '../../../lib/optimize/measures/divergence';
import { regressionMetrics } from '../../../lib/optimize/measures/regression';
import { codeOf } from '../support';

/** What scikit-learn, SciPy and NumPy say; generate.py beside it made it. */
const file = path.join(import.meta.dirname, '../../fixtures/scikit-learn/expected.json');
const golden = JSON.parse(readFileSync(file, 'utf8')) as {
  classification: { labels: number[]; predictions: number[]; expected: object }[];
  regression: { targets: number[][]; predictions: number[][]; expected: object }[];
  difference: { reference: number[]; candidate: number[]; expected: object }[];
  divergence: {
    teacher: number[];
    student: number[];
    temperature: number;
    probabilities: [number[], number[]];
    expected: number;
  }[];
  agreement: { reference: number[][]; candidate: number[][]; top1: number; top5: number }[];
};

/** The same structure and, to twelve digits, the same numbers. */
function expectClose(actual: unknown, expected: unknown, at = ''): void {
  if (typeof expected === 'number') {
    const message = `${at}: ${String(actual)}, expected ${expected}`;
    expect(typeof actual, message).toBe('number');
    const error = Math.abs((actual as number) - expected);
    expect(error, message).toBeLessThanOrEqual(1e-12 * Math.max(1, Math.abs(expected)));
  } else if (typeof expected === 'object' && expected !== null) {
    expect(Object.keys(actual as object).sort(), at).toEqual(Object.keys(expected).sort());
    for (const [key, value] of Object.entries(expected)) {
      expectClose((actual as Record<string, unknown>)[key], value, `${at}.${key}`);
    }
  } else {
    expect(actual, at).toBe(expected);
  }
}

describe('as scikit-learn, SciPy and NumPy', () => {
  it.each(golden.classification)('classification $#', ({ labels, predictions, expected }) => {
    expectClose(classificationMetrics(labels, predictions), expected);
  });

  it.each(golden.regression)('regression $#', ({ targets, predictions, expected }) => {
    expectClose(regressionMetrics(targets, predictions), expected);
  });

  it.each(golden.difference)('difference $#', ({ reference, candidate, expected }) => {
    expectClose(difference(reference, candidate), expected);
  });

  it.each(golden.divergence)(
    'divergence at temperature $temperature',
    ({ teacher, student, temperature, probabilities: [p, q], expected }) => {
      expectClose(klDivergence(teacher, student, { temperature }), expected);
      const kinds = { teacher: 'probabilities', student: 'probabilities' } as const;
      expectClose(klDivergence(p, q, { temperature, ...kinds }), expected);
      expect([scoreKind(p), scoreKind(teacher)]).toEqual(['probabilities', 'logits']);
    },
  );

  it.each(golden.agreement)('agreement $#', ({ reference, candidate, top1, top5 }) => {
    const count = new AgreementCount();
    reference.forEach((row, index) => count.add(row, candidate[index] ?? []));
    expect(count.result).toEqual({ rows: reference.length, top1, top5 });
  });
});

describe('difference', () => {
  it('of equal values is none', () => {
    const found = { count: 2, maxError: 0, meanError: 0, cosine: 1, sqnr: Infinity };
    expect(difference([1, -2], [1, -2])).toEqual(found);
    expect(difference([0, 0], [0, 0])).toEqual(found);
  });

  it('takes what is not finite on both sides as equal, and on one as infinitely wrong', () => {
    const same = [NaN, Infinity, -Infinity, 1];
    expect(difference(same, same)).toMatchObject({ maxError: 0, sqnr: Infinity, cosine: 1 });
    for (const [reference, candidate] of [
      [NaN, 1],
      [1, NaN],
      [Infinity, -Infinity],
      [1, Infinity],
    ]) {
      const found = difference([reference!, 3], [candidate!, 4]);
      expect(found).toMatchObject({ maxError: Infinity, meanError: Infinity, sqnr: -Infinity });
      expect(found.cosine).toBe(1);
    }
  });

  it('of a reference of zeros has no signal', () => {
    expect(difference([0, 0], [1, 0])).toMatchObject({ sqnr: -Infinity, cosine: 0 });
  });

  it('adds up over tensors', () => {
    const sums = new DifferenceSums();
    sums.add([1, 2], [1, 3]);
    sums.add([4], [2]);
    expect(sums.result).toEqual(difference([1, 2, 4], [1, 3, 2]));
    expect(sums.noiseToSignal).toBeCloseTo(5 / 21, 12);
  });
});

describe('classes', () => {
  it('are the first of equal scores, and NaN as NumPy has it', () => {
    expect(topClass([1, 3, 3, 2])).toBe(1);
    expect(topClass([1, NaN, 3, NaN])).toBe(1);
  });

  it('in few numbers have no top 5', () => {
    const count = new AgreementCount();
    count.add([1, 2, 3], [3, 2, 1]);
    expect(count.result).toEqual({ rows: 1, top1: 0 });
  });
});

describe('divergence', () => {
  it('takes zeros of a quantised softmax for very little', () => {
    const kinds = { teacher: 'probabilities', student: 'probabilities' } as const;
    const found = klDivergence([0.5, 0.5, 0], [1, 0, 0], kinds);
    expect(found).toBeGreaterThan(1);
    expect(found).toBeLessThan(10);
  });

  it('does not overflow', () => {
    expect(klDivergence([1000, 0], [0, 1000])).toBeCloseTo(1000, 9);
  });
});

describe('wrong arguments', () => {
  it.each([
    ['lengths', () => difference([1], [1, 2]), 'ERR_SHAPE_MISMATCH'],
    ['a class', () => classificationMetrics([0.5], [1]), 'ERR_INVALID_ARGUMENT'],
    ['a prediction', () => classificationMetrics([1], [NaN]), 'ERR_INVALID_ARGUMENT'],
    ['no labels', () => classificationMetrics([], []), 'ERR_INVALID_ARGUMENT'],
    ['no targets', () => regressionMetrics([], []), 'ERR_INVALID_ARGUMENT'],
    ['widths', () => regressionMetrics([[1, 2]], [[1]]), 'ERR_SHAPE_MISMATCH'],
    ['a temperature', () => klDivergence([1], [1], { temperature: 0 }), 'ERR_INVALID_ARGUMENT'],
  ])('%s', (_what, operation, code) => {
    expect(codeOf(operation)).toBe(code);
  });
});
