import { describe, expect, it } from 'vitest';

import { countDistinct } from '../../../../lib/optimize/prune/layer-figures';
import { shareWeights } from '../../../../lib/optimize/prune/share-weights';
import type { WeightMatrix } from '../../../../lib/optimize/prune/weight-matrix';
import {
  ELEMENT,
  parsePattern,
  zeroWeights,
  type ZeroOptions,
} from '../../../../lib/optimize/prune/zero-weights';
import { randomFloats } from '../quantize/float-model';

const matrixOf = (outputs: number, inputs: number, taps = 1): WeightMatrix => ({
  outputs,
  inputs,
  taps,
  outputStride: inputs * taps,
  inputStride: taps,
  tapStride: 1,
});

function zeroed(
  layers: readonly { readonly values: Float32Array; readonly matrix: WeightMatrix }[],
  options: Partial<ZeroOptions>,
): number[][] {
  const copies = layers.map(({ values, matrix }) => ({ values: values.slice(), matrix }));
  zeroWeights(copies, { norm: 'l1', scope: 'global', pattern: ELEMENT, sparsity: 0, ...options });
  return copies.map(({ values }) => [...values]);
}

describe('zeroWeights', () => {
  const small = { values: Float32Array.of(1, -2, 3, -4), matrix: matrixOf(2, 2) };
  const large = { values: Float32Array.of(10, 20, 30, 40), matrix: matrixOf(2, 2) };

  it('looks for the smallest in the whole model, a layer, a row or a channel', () => {
    const layers = [small, large];
    expect(zeroed(layers, { sparsity: 0.5 })).toEqual([
      [0, 0, 0, 0],
      [10, 20, 30, 40],
    ]);
    expect(zeroed(layers, { sparsity: 0.5, scope: 'layer' })).toEqual([
      [0, 0, 3, -4],
      [0, 0, 30, 40],
    ]);
    expect(zeroed(layers, { sparsity: 0.5, scope: 'row' })).toEqual([
      [0, -2, 0, -4],
      [0, 20, 0, 40],
    ]);
    expect(zeroed([small], { sparsity: 0.5, scope: 'channel' })).toEqual([[0, 0, 3, -4]]);
  });

  it('zeroes exactly the share, of equal weights the first', () => {
    const values = new Float32Array(10).fill(1);
    const [found] = zeroed([{ values, matrix: matrixOf(1, 10) }], { sparsity: 0.3 });
    expect(found).toEqual([0, 0, 0, 1, 1, 1, 1, 1, 1, 1]);
  });

  it('zeroes what is below a threshold', () => {
    expect(zeroed([small], { threshold: 3 })).toEqual([[0, 0, 3, -4]]);
  });

  it('keeps the largest N of each M inputs at each tap, of fewer as many', () => {
    const values = randomFloats(3 * 10 * 9, 5);
    const matrix = matrixOf(3, 10, 9);
    const [found] = zeroed([{ values, matrix }], { pattern: parsePattern('2:4', 'pattern') });
    for (let output = 0; output < 3; output++) {
      for (let tap = 0; tap < 9; tap++) {
        for (const [first, count] of [
          [0, 4],
          [4, 4],
          [8, 2],
        ] as const) {
          const indices = Array.from(
            { length: count },
            (_, input) => (output * 10 + first + input) * 9 + tap,
          );
          const largest = indices
            .map((index) => Math.abs(values[index]!))
            .sort((a, b) => b - a)
            .slice(0, 2);
          const kept = indices.map((index) => Math.abs(found![index]!)).filter(Boolean);
          expect(kept.sort((a, b) => b - a)).toEqual(largest);
        }
      }
    }
  });

  it('follows the inputs of a matrix whose inputs come first', () => {
    // [inputs, outputs]: the inputs of output 0 are 1, 2, 3, 4.
    const values = Float32Array.of(1, 40, 2, 30, 3, 20, 4, 10);
    const matrix = {
      outputs: 2,
      inputs: 4,
      taps: 1,
      outputStride: 1,
      inputStride: 2,
      tapStride: 1,
    };
    const [found] = zeroed([{ values, matrix }], { pattern: parsePattern('2:4', 'pattern') });
    expect(found).toEqual([0, 40, 0, 30, 3, 0, 4, 0]);
  });

  it('takes what is no number for the largest', () => {
    const values = Float32Array.of(3, NaN, -1, NaN, 2, 5);
    const layer = { values, matrix: matrixOf(1, 6) };
    expect(zeroed([layer], { sparsity: 0.5 })).toEqual([[0, NaN, 0, NaN, 0, 5]]);
    expect(zeroed([layer], { sparsity: 5 / 6 })).toEqual([[0, 0, 0, NaN, 0, 0]]);
  });

  it('zeroes whole blocks by their norm, those at the edge too', () => {
    const values = Float32Array.of(9, 0, 1, /**/ 0, 0, 1, /**/ 5, 5, 5);
    const options = { pattern: parsePattern('2x1', 'pattern'), sparsity: 0.5 };
    // L1: means 4.5, 0, 1 and 5, 5, 5; of six blocks three go.
    expect(zeroed([{ values, matrix: matrixOf(3, 3) }], options)).toEqual([
      [0, 0, 0, 0, 0, 0, 5, 5, 5],
    ]);
    // L2: the root of 81 ∕ 2 is more than 5.
    expect(zeroed([{ values, matrix: matrixOf(3, 3) }], { ...options, norm: 'l2' })).toEqual([
      [9, 0, 0, 0, 0, 0, 0, 5, 5],
    ]);
  });

  it.each(['4:2', '0:4', '2:2', '2x0', 'rows', ''])('refuses the pattern %j', (text) => {
    expect(() => parsePattern(text, 'options.pattern')).toThrow(/^options\.pattern: /);
  });
});

const distinct = (values: Float32Array): number => new Set(values).size;
const squaredError = (a: Float32Array, b: Float32Array): number =>
  a.reduce((sum, value, index) => sum + (value - b[index]!) ** 2, 0);

describe('shareWeights', () => {
  it.each(['kmeans++', 'linear'] as const)('finds clusters that are apart from %s', (start) => {
    const centres = [-3, -1, 0.5, 2];
    const noise = randomFloats(400, 3);
    const values = noise.map((value, index) => centres[index % 4]! + value / 100);
    const shared = values.slice();
    shareWeights(shared, { clusters: 4, start });
    expect(distinct(shared)).toBe(4);
    expect(squaredError(values, shared)).toBeLessThan(400 * 1e-4);
  });

  it('leaves zeros zero, and counts them among the values', () => {
    const values = randomFloats(1000, 4).map((value, index) => (index % 2 === 0 ? 0 : value));
    const shared = values.slice();
    shareWeights(shared, { clusters: 8, start: 'kmeans++' });
    expect(distinct(shared)).toBe(8);
    expect(values.every((value, index) => (value === 0) === (shared[index] === 0))).toBe(true);
  });

  it('gives each weight the nearest of its values, and each value the mean of its weights', () => {
    const values = randomFloats(2000, 8).map((value) => value ** 3);
    const shared = values.slice();
    shareWeights(shared, { clusters: 16, start: 'linear' });
    const means = [...new Set(shared)];
    const sums = new Map<number, { sum: number; count: number }>();
    for (const [index, value] of values.entries()) {
      const distances = means.map((mean) => Math.abs(mean - value));
      const own = Math.abs(shared[index]! - value);
      expect(own).toBeLessThanOrEqual(Math.min(...distances) + 1e-3);
      const { sum, count } = sums.get(shared[index]!) ?? { sum: 0, count: 0 };
      sums.set(shared[index]!, { sum: sum + value, count: count + 1 });
    }
    for (const [mean, { sum, count }] of sums) expect(mean).toBeCloseTo(sum / count, 5);
  });

  it('takes as many clusters as 16 bits tell apart, of a million weights', () => {
    const values = randomFloats(2 ** 20, 5);
    shareWeights(values, { clusters: 2 ** 16, start: 'kmeans++' });
    expect(distinct(values)).toBeGreaterThan(60_000);
    expect(distinct(values)).toBeLessThanOrEqual(2 ** 16);
  });

  it('starts from weights that are apart', () => {
    const values = Float32Array.from(
      { length: 300 },
      (_, index) => 10 ** (index % 3) + index / 1e6,
    );
    for (const clusters of [3, 4, 9]) {
      const shared = values.slice();
      shareWeights(shared, { clusters, start: 'kmeans++' });
      expect(squaredError(values, shared)).toBeLessThan(300 * 1e-6);
    }
  });

  it('leaves what is no finite number', () => {
    const values = Float32Array.of(NaN, 1, 1.5, Infinity, 8, 9, 0);
    shareWeights(values, { clusters: 3, start: 'linear' });
    expect([...values]).toEqual([NaN, 1.25, 1.25, Infinity, 8.5, 8.5, 0]);
  });

  it('leaves fewer values than there are clusters, and zeros alone, as they are', () => {
    const values = Float32Array.of(3, 1, 3, 2);
    shareWeights(values, { clusters: 16, start: 'kmeans++' });
    expect([...values]).toEqual([3, 1, 3, 2]);
    const zeros = new Float32Array(4);
    shareWeights(zeros, { clusters: 2, start: 'linear' });
    expect([...zeros]).toEqual([0, 0, 0, 0]);
  });
});

describe('countDistinct', () => {
  it('counts equal values once, zeros of both signs too', () => {
    expect(countDistinct(Float32Array.of(3, -0, 1, 0, 3, -1))).toBe(4);
  });

  it('counts more than a Set has room for', () => {
    const bits = new Uint32Array(2 ** 24 + 2).map((_, index) => index + 1);
    expect(countDistinct(new Float32Array(bits.buffer))).toBe(bits.length);
  });
});
