import { describe, expect, it } from 'vitest';

import { measureStability, type ModelFunction } from '../../../lib/watch';
import { normalNumbers, shifted, spreadOf } from '../../../lib/watch/stability/perturb';

const row = (...values: number[]): Float64Array => Float64Array.from(values);
const answering = (answer: (x: Float64Array) => number[]): ModelFunction => {
  return (rows) => Promise.resolve(rows.map(answer));
};

/** A feature whose standard deviation is 1, and one that never changes. */
const rows = Array.from({ length: 100 }, (_, index) => row(index % 2 === 0 ? 1 : -1, 7));

describe('stability', () => {
  it('finds nothing where a model always says the same of the same', async () => {
    const { repeated } = await measureStability(
      answering(([a = 0]) => [a, -a]),
      rows,
    );
    expect(repeated).toEqual({
      answers: 500,
      changedClass: 0,
      changed: 0,
      maxDeviation: 0,
      meanDeviation: 0,
      relativeDeviation: 0,
      notFinite: 0,
    });
  });

  it('finds answers that differ from run to run', async () => {
    let call = 0;
    const model: ModelFunction = (items) => {
      call++;
      // The first round is the usual one; every fourth batch of the others is another class.
      const flip = call > 2 && call % 4 === 0 ? -1 : 1;
      return Promise.resolve(items.map(([a = 0]) => [flip * a, -flip * a]));
    };
    const options = { repeats: 4, noise: [1], batchSize: 50 };
    const { repeated } = await measureStability(model, rows, options);
    expect(repeated).toMatchObject({
      answers: 400,
      changedClass: 0.25,
      changed: 0.25,
      maxDeviation: 2,
      meanDeviation: 0.5,
      relativeDeviation: 2,
    });
  });

  it('gives noise of a share of the standard deviation', async () => {
    const { perturbed } = await measureStability(
      answering(([a = 0, b = 0]) => [a + b]),
      rows,
      { noise: [0.1, 0.2], repeats: 20 },
    );
    const [small, large] = perturbed;
    expect([small!.kind, small!.level]).toEqual(['noise', 0.1]);
    // The mean of |x| of a normal x is √(2/π) of its standard deviation; the constant has no noise.
    expect(small!.meanDeviation / (0.1 * Math.sqrt(2 / Math.PI))).toBeCloseTo(1, 1);
    expect(large!.meanDeviation / (0.2 * Math.sqrt(2 / Math.PI))).toBeCloseTo(1, 1);
    expect(small!.changed).toBe(1);
    expect(small).not.toHaveProperty('changedClass');
  });

  it('counts what noise makes of classes', async () => {
    const { perturbed } = await measureStability(
      answering(([a = 0]) => [a, -a]),
      rows,
      { noise: [1], repeats: 50 },
    );
    // P(z < -1) of a standard normal z.
    expect(perturbed[0]!.changedClass).toBeCloseTo(0.1587, 1);
    expect(perturbed[0]!.changedClass).toBeGreaterThan(0.13);
  });

  it('moves images by a pixel', async () => {
    const image = { width: 3, height: 2, channels: 1, channelsLast: true };
    const pictures = [row(1, 2, 3, 4, 5, 6), row(6, 5, 4, 3, 2, 1)];
    expect([...shifted(pictures[0]!, image, 1, 0)]).toEqual([1, 1, 2, 4, 4, 5]);
    expect([...shifted(pictures[0]!, image, 0, -1)]).toEqual([4, 5, 6, 4, 5, 6]);
    const two = { width: 2, height: 1, channels: 2, channelsLast: false };
    expect([...shifted(row(1, 2, 3, 4), two, -1, 0)]).toEqual([2, 2, 4, 4]);
    const { perturbed } = await measureStability(
      answering(([a = 0]) => [a]),
      pictures,
      { image, noise: [] },
    );
    // The first pixel becomes 1, 2, 1 and 4: of the other picture 6, 5, 6 and 3.
    expect(perturbed).toMatchObject([
      { kind: 'shift', answers: 8, maxDeviation: 3, meanDeviation: 1, changed: 0.5 },
    ]);
  });

  it('finds answers that are no numbers, and constant ones', async () => {
    const values = [NaN, Infinity, 3, 4];
    const found = await measureStability(
      answering(([a = 0]) => [1, values[a]!]),
      values.map((_, index) => row(index)),
      { noise: [], repeats: 1 },
    );
    expect(found).toMatchObject({ nan: 1, infinite: 1, isConstant: false, constantOutputs: [0] });
    const constant = await measureStability(
      answering(() => [1, 2]),
      rows,
      { noise: [], repeats: 1 },
    );
    expect(constant.isConstant).toBe(true);
    const same = [row(1), row(1)];
    const alike = await measureStability(
      answering(() => [1, 2]),
      same,
      { noise: [], repeats: 1 },
    );
    expect(alike.isConstant).toBe(false);
  });

  it('says what is wrong, and can be cancelled', async () => {
    const model = answering(() => [1]);
    for (const [some, options] of [
      [[row(1)], {}],
      [rows, { noise: [-1] }],
      [rows, { repeats: 0 }],
    ] as const) {
      await expect(measureStability(model, some, options)).rejects.toMatchObject({
        code: 'ERR_INVALID_ARGUMENT',
      });
    }
    const signal = AbortSignal.abort();
    await expect(measureStability(model, rows, { signal })).rejects.toMatchObject({
      code: 'ERR_CANCELLED',
    });
  });

  it('draws normal numbers', () => {
    const draw = normalNumbers(3);
    const { mean, deviation } = spreadOf(Array.from({ length: 20_000 }, draw));
    expect(mean).toBeCloseTo(0, 1);
    expect(deviation).toBeCloseTo(1, 1);
    expect(spreadOf([1, NaN, 3, Infinity])).toEqual({ mean: 2, deviation: 1 });
    expect(spreadOf([])).toEqual({ mean: 0, deviation: 0 });
  });
});
