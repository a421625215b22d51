import { deflateSync, inflateSync } from 'node:zlib';

import { build, decodeFromCompressedBase64, encodeIntoCompressedBase64 } from 'hdr-histogram-js';
import { LatencyHistogram, OnliteError } from 'onlite';
import { describe, expect, it } from 'vitest';

const hour = 3_600_000_000_000;

function histogramOf(values: readonly number[]): LatencyHistogram {
  const histogram = new LatencyHistogram();
  histogram.recordAll(values);
  return histogram;
}

/** Reproducible numbers in [0, 1): a linear congruential generator. */
function uniform(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
    return state / 2 ** 32;
  };
}

function heavyTail(count: number, seed = 1): number[] {
  const random = uniform(seed);
  return Array.from({ length: count }, () =>
    Math.min(hour, Math.floor(1000 / Math.max(random(), 1e-6) ** 1.2)),
  );
}

function expectError(call: () => unknown, message: RegExp): void {
  let thrown: unknown;
  try {
    call();
  } catch (error) {
    thrown = error;
  }
  expect(thrown).toBeInstanceOf(OnliteError);
  expect(thrown).toMatchObject({
    code: 'ERR_INVALID_ARGUMENT',
    message: expect.stringMatching(message),
  });
}

describe('LatencyHistogram', () => {
  it('is empty at first', () => {
    const histogram = new LatencyHistogram();
    const zeros = { min: 0, mean: 0, stddev: 0, p50: 0, p90: 0, p95: 0, p99: 0, p999: 0, max: 0 };
    expect(histogram.snapshot()).toEqual({ count: 0, ...zeros });
    expect([...histogram.buckets()]).toEqual([]);
    expect(histogram.percentile(50)).toBe(0);
  });

  it.each([
    [1, 0.1],
    [2, 0.01],
    [3, 0.001],
  ] as const)('with %i digits has percentiles to %f', (significantDigits, precision) => {
    const histogram = new LatencyHistogram({ significantDigits });
    const values = heavyTail(20_000);
    for (const value of values) histogram.record(value);
    const sorted = [...values].sort((a, b) => a - b);
    for (const percentile of [0, 1, 25, 50, 75, 90, 95, 99, 99.9, 99.99, 100]) {
      const rank = Math.max(1, Math.ceil((Math.round(percentile * 100) * sorted.length) / 10_000));
      const exact = sorted[rank - 1]!;
      const error = Math.abs(histogram.percentile(percentile) - exact);
      expect(error, `p${percentile}`).toBeLessThanOrEqual(exact * precision);
    }
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const { count, min, max, mean: given } = histogram.snapshot();
    expect([count, min, max]).toEqual([values.length, sorted[0], sorted.at(-1)]);
    expect(Math.abs(given - mean)).toBeLessThanOrEqual(mean * precision);
  });

  it('keeps snapshot and the single methods consistent', () => {
    const histogram = histogramOf(heavyTail(1000));
    const { count, p50, p90, p95, p99, p999 } = histogram.snapshot();
    expect(histogram.count).toBe(count);
    const percentiles = [50, 90, 95, 99, 99.9].map((percent) => histogram.percentile(percent));
    expect(percentiles).toEqual([p50, p90, p95, p99, p999]);
    const buckets = [...histogram.buckets()];
    expect(buckets.reduce((sum, bucket) => sum + bucket.count, 0)).toBe(count);
    let below = 0;
    for (const { lowest, highest, count: own } of buckets) {
      below += own;
      expect(histogram.countAtOrBelow(highest)).toBe(below);
      expect(histogram.countBetween(lowest, highest)).toBe(own);
    }
  });

  it('takes numbers, fractions and bigints', () => {
    const histogram = new LatencyHistogram();
    histogram.record(7.9);
    histogram.record(7n);
    histogram.record(0);
    histogram.record(-0);
    histogram.record(Number.MAX_VALUE);
    expect([...histogram.buckets()].map(({ lowest, count }) => [lowest, count])).toEqual([
      [0, 2],
      [7, 2],
      [expect.any(Number), 1],
    ]);
    expect(histogram.snapshot().max).toBe(hour);
    histogram.recordAll(Float64Array.of(1, 2));
    histogram.recordAll([]);
    expect(histogram.count).toBe(7);
  });

  it('counts what is too large as the highest', () => {
    const histogram = new LatencyHistogram({ highest: 1000 });
    histogram.record(1_000_000);
    expect(histogram.snapshot().max).toBe(1000);
    expect(histogram.highest).toBe(1000);
    expect(histogram.countBetween(2000, Infinity)).toBe(0);
    expect(histogram.countAtOrBelow(Infinity)).toBe(1);
  });

  it('gives each sample to one interval', () => {
    const histogram = histogramOf([1000, 2000]);
    const first = histogram.interval();
    histogram.record(5_000_011);
    const second = histogram.interval();
    expect(first.snapshot()).toMatchObject({ count: 2, min: 1000, max: 2000 });
    expect(second.snapshot()).toMatchObject({ count: 1, min: 5_000_011, max: 5_000_011 });
    expect(histogram.interval().count).toBe(0);
    expect(histogram.count).toBe(3);
    first.record(1);
    expect([first.count, histogram.count]).toEqual([3, 3]);
    histogram.record(1);
    histogram.reset();
    expect([histogram.count, histogram.interval().count]).toEqual([0, 0]);
  });

  it('merges and copies', () => {
    const histogram = histogramOf([10]);
    const copy = histogram.copy();
    histogram.add(histogramOf([20, 30]));
    histogram.add(histogram);
    expect(histogram.snapshot()).toMatchObject({ count: 6, min: 10, max: 30 });
    expect(copy.count).toBe(1);
    const fine = new LatencyHistogram({ significantDigits: 3 });
    fine.add(histogramOf([1_000_000]));
    expect(fine.percentile(50)).toBeGreaterThan(990_000);
    expect(fine.percentile(50)).toBeLessThan(1_010_000);
  });

  it('refuses wrong arguments', () => {
    const histogram = histogramOf([1]);
    const any = (value: unknown): never => value as never;
    for (const value of [-1, NaN, Infinity, -Infinity, '1', null, undefined, {}, [], -1n]) {
      expectError(() => histogram.record(any(value)), /^value: /);
      expectError(() => histogram.recordAll(any([2, value])), /^value/);
      expectError(() => histogram.countAtOrBelow(any(value === Infinity ? -1 : value)), /^value: /);
    }
    for (const value of [-1, 101, NaN, '50', null, undefined, 50n]) {
      expectError(() => histogram.percentile(any(value)), /^percentile: /);
    }
    for (const value of [null, 1, '', {}, [], Object.create(LatencyHistogram.prototype)]) {
      expectError(() => histogram.add(any(value)), /^other: /);
    }
    expectError(() => histogram.countBetween(2, 1), /^highest: /);
    expectError(() => histogram.countBetween(any('a'), 1), /^lowest: /);
    const endless = new Proxy([1], {
      get: (target, key) => (key === 'length' ? 2 ** 32 - 1 : Reflect.get(target, key)),
    });
    for (const value of [null, 1, '12', new Float32Array(2), new Set([1]), endless]) {
      expectError(() => histogram.recordAll(any(value)), /^values: /);
    }
    for (const value of [null, 1, [], 'a']) {
      expectError(() => new LatencyHistogram(any(value)), /^options: /);
    }
    for (const value of [0, 4, 1.5, '2', null, NaN]) {
      const options = { significantDigits: any(value) };
      expectError(() => new LatencyHistogram(options), /^options\.significantDigits: /);
    }
    for (const value of [1, 0, 2 ** 53, 2.5, '9', null, Infinity]) {
      expectError(() => new LatencyHistogram({ highest: any(value) }), /^options\.highest: /);
    }
    expectError(() => new LatencyHistogram(any({ digits: 2 })), /^options: /);
    expect(histogram.count).toBe(1);
  });
});

describe('the HdrHistogram encoding', () => {
  const shapes: [name: string, values: number[]][] = [
    ['nothing', []],
    ['zero', [0]],
    ['one', [1]],
    ['a constant', new Array<number>(1000).fill(123_457)],
    ['two points', [1, 40_000_000_007, 40_000_000_007]],
    ['powers of two', Array.from({ length: 41 }, (_, bits) => 2 ** bits)],
    ['a heavy tail', heavyTail(100_000)],
    ['everything small', Array.from({ length: 5000 }, (_, value) => value)],
    ['the highest', [hour]],
  ];

  it.each(shapes)('is read by hdr-histogram-js: %s', (_, values) => {
    for (const significantDigits of [1, 2, 3] as const) {
      const histogram = new LatencyHistogram({ significantDigits });
      histogram.recordAll(values);
      const theirs = decodeFromCompressedBase64(histogram.encode(), 64);
      const direct = build({
        lowestDiscernibleValue: 1,
        highestTrackableValue: hour,
        numberOfSignificantValueDigits: significantDigits,
        bitBucketSize: 64,
      });
      for (const value of values) direct.recordValue(value);
      expect(theirs.totalCount).toBe(values.length);
      expect(theirs.numberOfSignificantValueDigits).toBe(significantDigits);
      for (const percentile of [0, 10, 50, 90, 99, 99.9, 100]) {
        const value = direct.getValueAtPercentile(percentile);
        expect(theirs.getValueAtPercentile(percentile)).toBe(value);
      }
    }
  });

  it.each(shapes)('of hdr-histogram-js is read: %s', (_, values) => {
    for (const numberOfSignificantValueDigits of [1, 2, 3, 4] as const) {
      const theirs = build({
        lowestDiscernibleValue: 1,
        highestTrackableValue: hour,
        numberOfSignificantValueDigits,
        bitBucketSize: 64,
      });
      for (const value of values) theirs.recordValue(value);
      const histogram = LatencyHistogram.decode(encodeIntoCompressedBase64(theirs));
      expect(histogram.count).toBe(values.length);
      expect(histogram.significantDigits).toBe(numberOfSignificantValueDigits);
      // Theirs gives the end of the bucket.
      for (const percentile of [10, 50, 90, 99, 99.9, 100]) {
        const value = theirs.getValueAtPercentile(percentile);
        const ours = histogram.percentile(percentile);
        expect(Math.abs(ours - value)).toBeLessThanOrEqual(
          value * 0.1 ** numberOfSignificantValueDigits,
        );
      }
    }
  });

  it('round-trips', () => {
    const histogram = histogramOf(heavyTail(10_000));
    const read = LatencyHistogram.decode(` ${histogram.encode()}\n`);
    expect([...read.buckets()]).toEqual([...histogram.buckets()]);
    expect(read.encode()).toBe(histogram.encode());
    expect([read.significantDigits, read.highest]).toEqual([2, hour]);
  });

  it('is refused where it is damaged', () => {
    const text = histogramOf(heavyTail(1000)).encode();
    const bytes = Buffer.from(text, 'base64');
    const wrap = (compressed: Uint8Array, cookie = 0x1c849314): string => {
      const header = Buffer.alloc(8);
      header.writeUInt32BE(cookie, 0);
      header.writeUInt32BE(compressed.length, 4);
      return Buffer.concat([header, compressed]).toString('base64');
    };
    const inner = inflateSync(bytes.subarray(8));
    expect(LatencyHistogram.decode(wrap(deflateSync(inner))).count).toBe(1000);
    const endsEarly = Buffer.from(inner.subarray(0, 60));
    const hugeRange = Buffer.from(inner);
    hugeRange.writeUInt32BE(5, 12);
    const wrong: unknown[] = [
      '',
      'AAAA',
      '*not base64*',
      'ä',
      '='.repeat(100_000),
      text.slice(0, 40),
      bytes.subarray(0, -1).toString('base64'),
      wrap(deflateSync(inner), 0x1c849303),
      wrap(deflateSync(inner), 0x9c849314),
      wrap(Buffer.from('no zlib here')),
      wrap(deflateSync(Buffer.alloc(0))),
      wrap(deflateSync(endsEarly)),
      wrap(deflateSync(Buffer.alloc(200_000_000))), // a bomb: 200 MB in 200 kB
      null,
      undefined,
      1,
      bytes,
      { toString: () => text },
    ];
    for (const value of wrong) {
      expectError(() => LatencyHistogram.decode(value as string), /^text: |encoded histogram/);
    }
  });

  it('survives any single wrong byte', () => {
    const inner = inflateSync(
      Buffer.from(histogramOf(heavyTail(200)).encode(), 'base64').subarray(8),
    );
    const random = uniform(3);
    let refused = 0;
    for (let at = 0; at < inner.length; at++) {
      const damaged = Buffer.from(inner);
      damaged[at] = Math.floor(random() * 256);
      const compressed = deflateSync(damaged, { level: 1 });
      const header = Buffer.alloc(8);
      header.writeUInt32BE(0x1c849314, 0);
      header.writeUInt32BE(compressed.length, 4);
      const text = Buffer.concat([header, compressed]).toString('base64');
      try {
        const { count, p50, max } = LatencyHistogram.decode(text).snapshot();
        expect(count).toBeGreaterThanOrEqual(0);
        expect(p50).toBeLessThanOrEqual(max);
      } catch (error) {
        expect(error).toBeInstanceOf(OnliteError);
        refused++;
      }
    }
    expect(refused).toBeGreaterThan(10);
  });
});
