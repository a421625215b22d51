import { readFileSync } from 'node:fs';
import path from 'node:path';

import { describe, expect, it } from 'vitest';

import { ChannelMoments } from '../../../../lib/optimize/calibrate/channel-moments';
import { entropyRange } from '../../../../lib/optimize/calibrate/entropy';
import { extentOf } from '../../../../lib/optimize/calibrate/extent';
import {
  GrowingHistogram,
  type Histogram,
} from '../../../../lib/optimize/calibrate/growing-histogram';
import { meanSquaredErrorRange } from '../../../../lib/optimize/calibrate/mean-squared-error';
import { percentileRange } from '../../../../lib/optimize/calibrate/percentile';
import { TensorObserver } from '../../../../lib/optimize/calibrate/tensor-observer';
import { dequantizeArray, quantizeArray } from '../../../../lib/optimize/quantize/integers';
import { rangeParameters, type Range } from '../../../../lib/optimize/quantize/parameters';
import { codeOf } from '../../support';

const file = path.join(
  import.meta.dirname,
  '../../../fixtures/onnxruntime-quantization/expected.json',
);
const golden = JSON.parse(readFileSync(file, 'utf8')) as {
  entropies: {
    name: string;
    threshold: number;
    histogram: Omit<Histogram, 'counts'> & { counts: number[] };
  }[];
};

/** Numbers in [0, 1), the same for the same seed. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return state / 2 ** 32;
  };
}

/** As many values as asked for, of a bell of deviation 1 or what a function makes of them. */
function bell(count: number, seed = 1, change = (value: number): number => value): Float32Array {
  const next = uniform(seed);
  return Float32Array.from({ length: count }, () => {
    const radius = Math.sqrt(-2 * Math.log(1 - next()));
    return change(radius * Math.cos(2 * Math.PI * next()));
  });
}

const relu = (value: number): number => Math.max(value, 0);
/** Some values far out. */
const peaked = (value: number): number => value ** 5;

function histogramOf(...parts: Float32Array[]): GrowingHistogram {
  const histogram = new GrowingHistogram();
  for (const part of parts) histogram.add(part, extentOf(part));
  return histogram;
}

const joined = (parts: readonly Float32Array[]): Float32Array =>
  Float32Array.from(parts.flatMap((part) => Array.from(part)));

describe('a growing histogram', () => {
  const parts = [
    new Float32Array(10),
    bell(500, 3, (value) => value * 1e-6),
    bell(2000, 4),
    Float32Array.of(5, 5, -0),
    bell(2000, 5, (value) => 40 + value),
    bell(10, 6, (value) => 1000 * value),
  ];

  it('counts some values of large tensors, which have the same quantiles', () => {
    // More than are counted one by one, then planes of which each column is another.
    const width = 48;
    const columns = bell(width, 8);
    const plane = Float32Array.from({ length: width * width * 96 }, (_, index) => {
      return (columns[index % width] ?? 0) + (index % 7) / 100;
    });
    const all = [bell(2 ** 18, 7), plane, bell(200_001, 9)];
    const { counts, first, width: bin, total } = histogramOf(...all).result;
    const values = joined(all).sort();
    expect(total).toBe(values.length);
    let below = 0;
    let place = 0;
    for (const share of [0.001, 0.05, 0.3, 0.5, 0.7, 0.95, 0.999]) {
      while (below < share * total) below += counts[place++] ?? 0;
      const rank = values.findIndex((value) => value >= (first + place) * bin) / total;
      expect(Math.abs(rank - share)).toBeLessThan(0.01);
    }
  });

  it('counts each value in its bin, whatever the range was when it arrived', () => {
    const { counts, first, width, total, min, max } = histogramOf(...parts).result;
    const all = joined(parts);
    const expected = new Float64Array(counts.length);
    for (const value of all) expected[Math.floor(value / width) - first]!++;
    expect(Array.from(counts)).toEqual(Array.from(expected));
    expect([total, min, max]).toEqual([all.length, Math.min(...all), Math.max(...all)]);
  });

  it('has at least 2,048 bins and the same memory for any number of values', () => {
    const histogram = new GrowingHistogram();
    const { byteLength } = histogram;
    for (let power = -30; power < 30; power++) {
      const part = bell(1000, power + 50, (value) => value * 2 ** power);
      histogram.add(part, extentOf(part));
      expect(histogram.result.counts.length).toBeGreaterThan(2048);
      expect(histogram.byteLength).toBe(byteLength);
    }
    expect(byteLength).toBe(65536);
  });

  it('adds up with others', () => {
    const merged = histogramOf(...parts.slice(0, 3));
    merged.merge(histogramOf(...parts.slice(3)));
    merged.merge(new GrowingHistogram());
    expect(merged.result).toEqual(histogramOf(...parts).result);
  });

  it('takes the ends of float32', () => {
    const extremes = Float32Array.of(3.4e38, -3.4e38, 1e-45, 0);
    const { counts, total } = histogramOf(extremes).result;
    expect(total).toBe(4);
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(4);
    expect(histogramOf(Float32Array.of(7)).result.counts.length).toBe(1);
    expect(new GrowingHistogram().result.counts.length).toBe(0);
  });
});

describe('percentiles', () => {
  it.each([
    ['bell', bell(50_000)],
    ['relu', bell(50_000, 2, relu)],
    ['peaked', bell(50_000, 3, peaked)],
  ])('of a %s are those of the sorted values, within a bin', (_, values) => {
    const histogram = histogramOf(values).result;
    const sorted = values.slice().sort();
    for (const percentile of [50, 90, 99, 99.9, 99.99, 100]) {
      const rank = ((100 - percentile) / 200) * (sorted.length - 1);
      const { min, max } = percentileRange(histogram, percentile);
      // Between two ranks any value is the percentile.
      const low = [sorted[Math.floor(rank)]!, sorted[Math.ceil(rank) + 1]!] as const;
      const high = [sorted.at(-2 - Math.ceil(rank))!, sorted.at(-1 - Math.floor(rank))!] as const;
      const { width } = histogram;
      expect(min).toBeGreaterThanOrEqual(low[0] - width);
      expect(min).toBeLessThanOrEqual(low[1] + width);
      expect(max).toBeGreaterThanOrEqual(high[0] - width);
      expect(max).toBeLessThanOrEqual(high[1] + width);
    }
    expect(percentileRange(histogram, 100)).toEqual({ min: sorted[0], max: sorted.at(-1) });
  });
});

describe('least divergence', () => {
  it.each(golden.entropies)('of $name is at the threshold that NumPy finds', (expected) => {
    const { histogram, threshold } = expected;
    const counts = Float64Array.from(histogram.counts);
    const range = entropyRange({ ...histogram, counts }, 256);
    const limit = Math.min(threshold, Math.max(-histogram.min, histogram.max));
    expect(Math.max(-range.min, range.max)).toBe(limit);
    expect(threshold).toBeLessThan(histogram.max);
  });

  it('clips a few values far out', () => {
    const outlier = Float32Array.of(60);
    const range = entropyRange(histogramOf(bell(50_000), outlier).result, 256);
    expect(range.max).toBeLessThan(30);
    expect(range.max).toBeGreaterThan(2);
  });
});

/** The mean of the squared errors that quantising makes. */
function errorOf(values: Float32Array, range: Range, symmetric: boolean): number {
  const parameters = rangeParameters(range, symmetric ? 'int8' : 'uint8', { symmetric });
  const dims = [values.length];
  const type = symmetric ? 'int8' : 'uint8';
  const real = dequantizeArray(quantizeArray(values, dims, parameters, type), dims, parameters);
  return real.reduce((sum, value, index) => sum + (value - values[index]!) ** 2, 0) / values.length;
}

describe('least mean squared error', () => {
  it.each([
    ['bell', bell(20_000), false],
    ['bell', bell(20_000), true],
    ['relu', bell(20_000, 2, relu), false],
    ['peaked', bell(20_000, 3, peaked), false],
    ['peaked', bell(20_000, 3, peaked), true],
    ['one-sided', bell(20_000, 4, (value) => -(value ** 4)), false],
  ])('of a %s is that of trying all ranges', (_, values, symmetric) => {
    const { min, max } = extentOf(values);
    const steps = 48;
    let least = Infinity;
    for (let low = 1; low <= steps; low++) {
      for (let high = 1; high <= steps; high++) {
        const [from, to] = [(low / steps) * Math.min(min, 0), (high / steps) * Math.max(max, 0)];
        if (from === to || (symmetric && low !== high)) continue;
        if (min >= 0 && low > 1) continue;
        if (max <= 0 && high > 1) continue;
        least = Math.min(
          least,
          errorOf(values.subarray(0, 4000), { min: from, max: to }, symmetric),
        );
      }
    }
    const histogram = histogramOf(values.subarray(0, 4000)).result;
    const levels = symmetric ? 255 : 256;
    const found = meanSquaredErrorRange(histogram, { levels, symmetric });
    expect(errorOf(values.subarray(0, 4000), found, symmetric)).toBeLessThan(1.02 * least);
  });

  it('is below that of the whole range where values are far out', () => {
    const values = bell(20_000, 3, peaked);
    const found = meanSquaredErrorRange(histogramOf(values).result, {
      levels: 16,
      symmetric: false,
    });
    expect(found.max).toBeLessThan(0.8 * extentOf(values).max);
  });

  it('keeps a tensor of zeros', () => {
    const histogram = histogramOf(new Float32Array(5)).result;
    expect(meanSquaredErrorRange(histogram, { levels: 256, symmetric: false })).toEqual({
      min: 0,
      max: 0,
    });
    expect(entropyRange(histogram, 256)).toEqual({ min: 0, max: 0 });
    expect(percentileRange(histogram, 99)).toEqual({ min: 0, max: 0 });
  });
});

describe('moments by channel', () => {
  const [outer, channels, inner] = [3, 4, 50];
  const parts = [1, 2, 3].map((seed) =>
    bell(outer * channels * inner, seed, (value) => 1000 + value / seed),
  );

  it.each([
    [1, [outer, channels, inner]],
    [-1, [outer * inner, channels]],
  ])('on axis %i are those of all values', (axis, dims) => {
    const moments = new ChannelMoments(axis);
    for (const part of parts) moments.add(part, dims);
    const { count, mean, variance, peak } = moments.result;
    expect(count).toBe(3 * outer * inner);
    const rows = axis === 1 ? inner : 1;
    for (let channel = 0; channel < channels; channel++) {
      const values = parts.flatMap((part) =>
        Array.from(part).filter((_, index) => Math.floor(index / rows) % channels === channel),
      );
      const expected = values.reduce((sum, value) => sum + value, 0) / count;
      const squares = values.reduce((sum, value) => sum + (value - expected) ** 2, 0);
      expect(Math.abs(mean[channel]! - expected)).toBeLessThan(1e-9);
      expect(Math.abs(variance[channel]! / (squares / count) - 1)).toBeLessThan(1e-9);
      expect(peak[channel]).toBe(Math.max(...values.map(Math.abs)));
    }
  });

  it('want the same channels each time', () => {
    const moments = new ChannelMoments(1);
    moments.add(new Float32Array(6), [2, 3]);
    expect(codeOf(() => moments.add(new Float32Array(4), [2, 2]))).toBe('ERR_SHAPE_MISMATCH');
    expect(codeOf(() => new ChannelMoments(2).add(new Float32Array(4), [2, 2]))).toBe(
      'ERR_INVALID_ARGUMENT',
    );
  });
});

describe('a tensor’s observer', () => {
  it('leaves out infinities and refuses NaN', () => {
    const observer = new TensorObserver('scores', { histogram: true });
    observer.add(Float32Array.of(-Infinity, 1, 2, Infinity), [4]);
    expect([observer.range({ method: 'minmax' }), observer.infinities]).toEqual([
      { min: 1, max: 2 },
      2,
    ]);
    expect(observer.range({ method: 'percentile', percentile: 100 })).toEqual({ min: 1, max: 2 });
    expect(() => observer.add(Float32Array.of(NaN), [1])).toThrow(/scores/);
    expect(codeOf(() => observer.add(Float32Array.of(NaN), [1]))).toBe('ERR_RUN_FAILED');
    const empty = new TensorObserver('mask', { histogram: true });
    empty.add(Float32Array.of(-Infinity), [1]);
    expect(codeOf(() => empty.range({ method: 'minmax' }))).toBe('ERR_UNSUPPORTED');
  });
});
