import { describe, expect, it } from 'vitest';

import { kernelShap, occlusionMap, permutationImportance } from '../../../lib/watch';
import type { ModelFunction } from '../../../lib/watch';

const row = (...values: number[]): Float64Array => Float64Array.from(values);

/** Two outputs of four features that depend on each other. */
const curved: ModelFunction = (rows) =>
  Promise.resolve(
    rows.map(([a = 0, b = 0, c = 0, d = 0]) => [Math.tanh(a * b) + c * c - d, Math.max(a, c) * d]),
  );

const background = [row(0, 1, 0, 0.5), row(1, 0.5, -1, 0.2), row(-0.5, 2, 0.3, 0)];

/** Shapley's own formula: the mean gain over all orders of the features. */
async function byOrders(model: ModelFunction, x: Float64Array): Promise<number[][]> {
  const orders = (rest: number[]): number[][] =>
    rest.length === 0
      ? [[]]
      : rest.flatMap((first) =>
          orders(rest.filter((item) => item !== first)).map((tail) => [first, ...tail]),
        );
  const worth = async (known: Set<number>): Promise<number[]> => {
    const rows = background.map((other) =>
      other.map((value, index) => (known.has(index) ? (x[index] ?? NaN) : value)),
    );
    const outputs = await model(rows);
    return [0, 1].map(
      (output) => outputs.reduce((sum, item) => sum + (item[output] ?? NaN), 0) / rows.length,
    );
  };
  const all = orders(Array.from(x, (_, index) => index));
  const values = [0, 1].map(() => new Array<number>(x.length).fill(0));
  for (const order of all) {
    const known = new Set<number>();
    let before = await worth(known);
    for (const feature of order) {
      known.add(feature);
      const after = await worth(known);
      for (const output of [0, 1]) {
        values[output]![feature]! += (after[output]! - before[output]!) / all.length;
      }
      before = after;
    }
  }
  return values;
}

describe('Kernel SHAP', () => {
  it("gives Shapley's values where it asks about every set", async () => {
    const x = row(1.5, -1, 0.7, 2);
    const { values, isExact, base, outputs } = await kernelShap(curved, x, background);
    expect(isExact).toBe(true);
    const wanted = await byOrders(curved, x);
    for (const output of [0, 1]) {
      for (const [feature, value] of values[output]!.entries()) {
        expect(value).toBeCloseTo(wanted[output]![feature]!, 10);
      }
      const sum = values[output]!.reduce((all, value) => all + value, base[output]!);
      expect(sum).toBeCloseTo(outputs[output]!, 12);
    }
  });

  it('is exact for a linear model however few sets it draws', async () => {
    const weights = Array.from({ length: 30 }, (_, index) => Math.sin(index + 1));
    const linear: ModelFunction = (rows) =>
      Promise.resolve(rows.map((x) => [x.reduce((sum, v, i) => sum + v * weights[i]!, 0)]));
    const x = Float64Array.from(weights, (_, index) => Math.cos(index));
    const zeros = new Float64Array(30);
    const { values, isExact } = await kernelShap(linear, x, [zeros], { samples: 400 });
    expect(isExact).toBe(false);
    for (const [index, value] of values[0]!.entries()) {
      expect(value).toBeCloseTo(x[index]! * weights[index]!, 9);
    }
  });

  it('gives nothing to what is as in the background, and one value to a group', async () => {
    const same = [row(0, 1, 5, 0)];
    const { values } = await kernelShap(curved, row(2, 3, 5, 1), same, {
      groups: [[0, 1], [2], [3]],
    });
    expect(values[0]).toHaveLength(3);
    expect(values[0]![1]).toBe(0);
    expect(values[0]![0]).toBeCloseTo(Math.tanh(6), 12);
  });

  it('asks in batches, tells how far it is, and can be cancelled', async () => {
    const controller = new AbortController();
    const sizes: number[] = [];
    const progress: number[] = [];
    const model: ModelFunction = (rows) => {
      sizes.push(rows.length);
      return curved(rows);
    };
    await kernelShap(model, row(1, 2, 3, 4), background, {
      batchSize: 2,
      onProgress: ({ done, total }) => progress.push(done / total),
    });
    expect(Math.max(...sizes)).toBe(2);
    expect(progress.at(-1)).toBe(1);
    const cancelled = kernelShap(model, row(1, 2, 3, 4), background, {
      signal: controller.signal,
      onProgress: () => controller.abort(),
    });
    await expect(cancelled).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  });

  it('says what is wrong', async () => {
    await expect(kernelShap(curved, row(1, 2, 3, 4), [])).rejects.toMatchObject({
      code: 'ERR_INVALID_ARGUMENT',
    });
    await expect(kernelShap(curved, row(1, 2, 3, 4), [row(1)])).rejects.toMatchObject({
      code: 'ERR_SHAPE_MISMATCH',
    });
  });
});

describe('permutation importance', () => {
  it('finds the features that matter', async () => {
    const rows = Array.from({ length: 200 }, (_, i) =>
      row(Math.sin(i * 7), Math.cos(i * 3), i % 2),
    );
    const model: ModelFunction = (items) =>
      Promise.resolve(items.map(([a = 0, b = 0]) => [3 * a + b]));
    const truth = rows.map(([a = 0, b = 0]) => 3 * a + b);
    const score = (outputs: readonly Float64Array[]): number =>
      -outputs.reduce((sum, [value = NaN], i) => sum + (value - truth[i]!) ** 2, 0) / rows.length;
    const { score: whole, features } = await permutationImportance(model, rows, score);
    expect(whole).toBe(-0);
    const [first, second, third] = features;
    // The mean squared difference of two independent values is twice the variance: 0.5 each.
    expect(first!.importance).toBeCloseTo(9, 0);
    expect(second!.importance).toBeGreaterThan(0.7);
    expect(third!.importance).toBeCloseTo(0, 12);
  });
});

describe('occlusion', () => {
  it.each([true, false])('finds the pixel that counts, channels last: %s', async (channelsLast) => {
    const [width, height, channels] = [6, 5, 2];
    const place = (x: number, y: number, channel: number): number =>
      channelsLast ? (y * width + x) * channels + channel : (channel * height + y) * width + x;
    const at = place(4, 3, 1);
    const model: ModelFunction = (rows) => Promise.resolve(rows.map((x) => [0, x[at]!]));
    const image = new Float64Array(width * height * channels).fill(1);
    const options = { width, height, channels, channelsLast, patch: 2, stride: 1 };
    const { losses, output, score } = await occlusionMap(model, image, options);
    expect([output, score]).toEqual([1, 1]);
    expect(losses[3 * width + 4]).toBe(1);
    expect(losses[0]).toBe(0);
    expect(losses[3 * width + 1]).toBe(0);
    expect(Math.max(...losses)).toBe(losses[3 * width + 4]);
  });
});
