import { describe, expect, it } from 'vitest';

import { checkConversion, type ConversionCheck } from '../../../lib/convert/check';
import type { Runnable } from '../../../lib/optimize/compare/contender';
import { Tensor } from '../../../lib/engine/tensor/tensor';

const value = (name: string) =>
  ({ name, isTensor: true, type: 'float32', shape: ['batch', 3] }) as const;
const ends = { inputMetadata: [value('x')], outputMetadata: [value('y')] };

const tensor = (values: number[]) => new Tensor('float32', Float32Array.from(values), [1, 3]);

/** What is found where the original gives the one and the converted model the other. */
function checked(expected: number[], found: number[]): Promise<ConversionCheck> {
  const converted = { ...ends, run: () => Promise.resolve({ y: tensor(found) }) } as Runnable;
  const sides = { signature: '', source: ends, expected: [{ y: tensor(expected) }], converted };
  return checkConversion(sides, [{ x: tensor([1, 2, 3]) }], { float16: false });
}

describe('what holds of real numbers', () => {
  it.each([
    ['the same', [1, 2, 3], [1, 2, 3], true],
    ['within a thousandth of the greatest', [1, 2, 3], [1.0025, 2, 3], true],
    ['beyond it', [1, 2, 3], [1.0035, 2, 3], false],
    ['NaN for a number', [1, 2, 3], [NaN, 2, 3], false],
    ['a number for an infinity', [Infinity, 2, 3], [1, 2, 3], false],
    ['another infinity', [Infinity, 2, 3], [-Infinity, 2, 3], false],
  ])('%s', async (_, expected, found, holds) => {
    expect((await checked(expected, found)).holds).toBe(holds);
  });

  it('says how many are finite where not all are', async () => {
    const { outputs, holds } = await checked([NaN, Infinity, 3], [NaN, Infinity, 3]);
    expect(outputs[0]!.finite).toBeCloseTo(1 / 3);
    expect(holds).toBe(true);
    expect((await checked([1, 2, 3], [1, 2, 3])).outputs[0]).not.toHaveProperty('finite');
  });

  it.each([[[NaN, NaN, NaN]], [[NaN, Infinity, -Infinity]]])(
    'does not hold by nothing but %j',
    async (values) => {
      const { outputs, holds } = await checked(values, values);
      expect(outputs[0]).toMatchObject({ maxError: 0, finite: 0, holds: false });
      expect(holds).toBe(false);
    },
  );
});
