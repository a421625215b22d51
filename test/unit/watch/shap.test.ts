import { readFileSync } from 'node:fs';
import { join } from 'node:path';

import { describe, expect, it } from 'vitest';

import { kernelShap, type ModelFunction } from '../../../lib/watch';

interface Case {
  name: string;
  first: number[][];
  bias: number[];
  second: number[][];
  background: number[][];
  row: number[];
  samples: number;
  base: number[];
  exact: number[][];
  error: number[][] | null;
}

/** What test/fixtures/shap/generate.py has written. */
const cases = JSON.parse(
  readFileSync(join(import.meta.dirname, '../../fixtures/shap/expected.json'), 'utf8'),
) as Case[];

/** The script's network: tanh(x · first + bias) · second. */
function network({ first, bias, second }: Case): ModelFunction {
  const times = (x: ArrayLike<number>, matrix: number[][]): number[] =>
    matrix[0]!.map((_, column) => matrix.reduce((sum, row, i) => sum + x[i]! * row[column]!, 0));
  return (rows) =>
    Promise.resolve(
      rows.map((x) => {
        const hidden = times(x, first).map((value, i) => Math.tanh(value + bias[i]!));
        return times(hidden, second);
      }),
    );
}

const rowsOf = ({ background }: Case): Float64Array[] =>
  background.map((values) => Float64Array.from(values));

const whole = cases.filter(({ error }) => error === null);
const drawn = cases.filter(({ error }) => error !== null);

describe('Kernel SHAP is as shap has it', () => {
  it.each(whole)('for all sets of $name', async (item) => {
    const row = Float64Array.from(item.row);
    const { samples } = item;
    const found = await kernelShap(network(item), row, rowsOf(item), { samples });
    expect(found.isExact).toBe(true);
    for (const [output, values] of item.exact.entries()) {
      expect(found.base[output]).toBeCloseTo(item.base[output]!, 12);
      for (const [feature, value] of values.entries()) {
        expect(found.values[output]![feature]).toBeCloseTo(value, 9);
      }
    }
  });

  it.each(drawn)("within the error of shap's own draws for $name", async (item) => {
    const row = Float64Array.from(item.row);
    const { samples } = item;
    let [squares, count] = [0, 0];
    for (let seed = 1; seed <= 5; seed++) {
      const { values, isExact } = await kernelShap(network(item), row, rowsOf(item), {
        samples,
        seed,
      });
      expect(isExact).toBe(false);
      for (const [output, wanted] of item.exact.entries()) {
        for (const [feature, value] of wanted.entries()) {
          const error = (values[output]![feature]! - value) / item.error![output]![feature]!;
          expect(Math.abs(error)).toBeLessThan(6);
          squares += error ** 2;
          count++;
        }
      }
    }
    // As large as shap's on the whole, too: not merely below a bound for outliers.
    expect(Math.sqrt(squares / count)).toBeLessThan(1.5);
  });
});
