import { LatencyHistogram } from 'onlite';
import { expect, it } from 'vitest';

import { SharedHistogram, histogramBytes } from '../../lib/isolation/shared-histogram';

it('counts as the histogram of a session does, of all threads together', () => {
  const threads = 3;
  const memory = new SharedArrayBuffer(histogramBytes(threads, 2));
  const all = Array.from({ length: threads }, (_, at) => new SharedHistogram(memory, 1, 2, at));
  const other = new SharedHistogram(memory, 0, 2, 0);
  const whole = new LatencyHistogram({ significantDigits: 3 });
  for (let power = 0; power < 41; power++) {
    for (const part of [1, 1.01, 1.5, 1.99]) {
      const value = Math.floor(2 ** power * part);
      all[power % threads]?.record(value);
      whole.record(value);
    }
  }
  all[0]?.record(0);
  whole.record(0);
  for (const histogram of all) {
    expect(histogram.count).toBe(whole.count);
    expect(histogram.snapshot().count).toBe(whole.count);
    expect(histogram.snapshot().mean / whole.snapshot().mean).toBeCloseTo(1, 3);
    for (const { lowest, highest } of histogram.buckets()) {
      expect(highest).toBeLessThanOrEqual(Math.max(2, lowest * 1.04));
    }
    // At the end of a bucket both have counted the same.
    for (let power = 2; power < 41; power++) {
      const edge = 2 ** power - 1;
      expect(histogram.countAtOrBelow(edge)).toBe(whole.countAtOrBelow(edge));
    }
  }
  expect(other.count).toBe(0);
  expect(other.buckets()).toEqual([]);
});
