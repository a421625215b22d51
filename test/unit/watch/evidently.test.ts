import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { wilsonInterval } from '../../../lib/watch/accuracy/interval';
import { columnDrift, type DriftMethod } from '../../../lib/watch/drift/column-drift';
import { chiSquareSurvival, normalQuantile } from '../../../lib/watch/drift/special-functions';

interface Case {
  name: string;
  reference: (number | string)[];
  current: (number | string)[];
  kind: 'numerical' | 'categorical';
  values: Partial<Record<DriftMethod, number>>;
  default: { method: DriftMethod; value: number; threshold: number; drifted: boolean };
}

interface Expected {
  columns: Case[];
  chiSquareSurvival: { value: number; degrees: number; expected: number }[];
  normalQuantile: { p: number; expected: number }[];
  wilson: { successes: number; rows: number; expected: [number, number] }[];
}

/** What test/fixtures/evidently/generate.py has written. */
const expected = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/evidently/expected.json'), 'utf8'),
) as Expected;

const close = (actual: number, wanted: number): void => {
  expect(Math.abs(actual - wanted)).toBeLessThanOrEqual(1e-9 * Math.abs(wanted) + 1e-14);
};

describe.each(expected.columns)('$name', ({ reference, current, kind, values, default: usual }) => {
  it.each(Object.entries(values))('%s is as evidently has it', (method, value) => {
    const drift = columnDrift(reference, current, { kind, method: method as DriftMethod });
    close(drift.value, value);
  });

  it('is compared by the method that evidently chooses', () => {
    const drift = columnDrift(reference, current);
    expect(drift).toMatchObject({
      kind,
      method: usual.method,
      threshold: usual.threshold,
      drifted: usual.drifted,
    });
    close(drift.value, usual.value);
  });
});

it.each(expected.chiSquareSurvival)('χ² above $value, $degrees degrees', (item) => {
  close(chiSquareSurvival(item.value, item.degrees), item.expected);
});

it.each(expected.normalQuantile)('the normal quantile of $p', ({ p, expected: wanted }) => {
  expect(normalQuantile(p)).toBeCloseTo(wanted, 10);
});

it.each(expected.wilson)('$successes of $rows', ({ successes, rows, expected: [low, high] }) => {
  const interval = wilsonInterval(successes, rows, 0.95);
  expect(interval[0]).toBeCloseTo(low, 9);
  expect(interval[1]).toBeCloseTo(high, 9);
});
