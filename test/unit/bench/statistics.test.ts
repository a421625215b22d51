import { describe, expect, it } from 'vitest';

import { compareMedians } from '../../../lib/bench/bootstrap';
import { percentileRanks } from '../../../lib/bench/percentile-interval';
import { randomNumbers } from '../../../lib/bench/random';
import {
  median,
  medianInterval,
  percentile,
  spread,
  summarize,
} from '../../../lib/bench/statistics';
import { ThinnedSamples } from '../../../lib/bench/thinned-samples';

const range = (count: number): number[] => Array.from({ length: count }, (_, index) => index + 1);

/** Standard normal numbers by Box and Muller. */
function normalNumbers(seed: number): () => number {
  const random = randomNumbers(seed);
  return () => Math.sqrt(-2 * Math.log(1 - random())) * Math.cos(2 * Math.PI * random());
}

describe('descriptive statistics', () => {
  it('takes percentiles by nearest rank', () => {
    const sorted = range(100);
    expect([0, 1, 50, 99, 99.5, 100].map((percent) => percentile(sorted, percent))).toEqual([
      1, 1, 50, 99, 100, 100,
    ]);
    expect(percentile([], 50)).toBeNaN();
  });

  it('takes the mean of the two middle values', () => {
    expect(median([4, 1, 3])).toBe(3);
    expect(median([4, 1, 3, 2])).toBe(2.5);
    expect(median([])).toBeNaN();
  });

  it('gives p99.9 of more than 100,000 values only', () => {
    expect(summarize(range(100_000)).p999).toBeUndefined();
    expect(summarize(range(100_001)).p999).toBe(99_901);
  });

  it('knows the order statistics that enclose a median', () => {
    // Tables of the sign test: ranks 2 and 9 of 10, 6 and 15 of 20.
    expect(medianInterval(range(10))).toEqual([2, 9]);
    expect(medianInterval(range(20))).toEqual([6, 15]);
    expect(medianInterval(range(5))).toEqual([1, 5]);
    expect(spread([3, 1, 2])).toEqual({ median: 2, interval: [1, 3], min: 1, max: 3 });
  });
});

describe('intervals of percentiles', () => {
  it('agrees with the sign test for the median', () => {
    expect(percentileRanks(10, 50)).toEqual({ low: 2, high: 9 });
    expect(percentileRanks(20, 50)).toEqual({ low: 6, high: 15 });
  });

  it('has no upper end where too few values lie beyond', () => {
    expect(percentileRanks(100, 99).high).toBeUndefined();
    // 0.99^n ≤ 2.5 % from 368 values on: then the greatest is an upper end.
    expect(percentileRanks(367, 99).high).toBeUndefined();
    expect(percentileRanks(368, 99).high).toBe(368);
    expect(percentileRanks(0, 50).high).toBeUndefined();
  });

  it.each([
    [50, 50],
    [2000, 99],
    [19_999, 99.9],
    [20_001, 99.9],
    [150_000, 99.9],
    // e^-800 and less is no number.
    [80_000, 99],
    [99_900, 1],
    [990_000, 99.9],
    [1_200_000, 99.9],
    [5000, 50],
  ])('of %i values encloses p%f as often as it says', (count, percent) => {
    const { low, high } = percentileRanks(count, percent);
    // How many of `count` uniform values lie below the percentile, by its normal or Poisson limit.
    const share = percent / 100;
    const random = randomNumbers(count);
    const trials = 1000;
    let enclosed = 0;
    for (let trial = 0; trial < trials; trial++) {
      // The gaps between rare events are geometric.
      let beyond = -1;
      for (let place = 0; place <= count; beyond++) {
        const rare = Math.min(share, 1 - share);
        place += Math.floor(Math.log(1 - random()) / Math.log(1 - rare)) + 1;
      }
      const below = share < 0.5 ? beyond : count - beyond;
      if (below >= low && (high === undefined || below < high)) enclosed++;
    }
    expect(enclosed / trials).toBeGreaterThan(0.93);
    expect(enclosed / trials).toBeLessThan(0.995);
  });
});

describe('comparison by bootstrap', () => {
  /** Blocks' medians of processes that differ by 3 %, and blocks in them by 1 %. */
  function measured(normal: () => number, centre: number, processes = 5): number[][] {
    return Array.from({ length: processes }, () => {
      const process = 0.03 * normal();
      return Array.from({ length: 4 }, () => centre * Math.exp(process + 0.01 * normal()));
    });
  }

  it('raises few alarms where nothing has changed', () => {
    const normal = normalNumbers(1);
    const trials = 300;
    let alarms = 0;
    let enclosed = 0;
    for (let trial = 0; trial < trials; trial++) {
      const { interval, verdict } = compareMedians(measured(normal, 1), measured(normal, 1), {
        resamples: 300,
      });
      if (verdict === 'greater') alarms++;
      if (interval[0] <= 1 && interval[1] >= 1) enclosed++;
    }
    expect(alarms / trials).toBeLessThan(0.05);
    expect(enclosed / trials).toBeGreaterThan(0.9);
  });

  it('sees a change well beyond the noise, either way', () => {
    const normal = normalNumbers(2);
    const [before, after] = [measured(normal, 1000), measured(normal, 1300)];
    expect(compareMedians(after, before)).toMatchObject({ verdict: 'greater' });
    expect(compareMedians(before, after)).toMatchObject({ verdict: 'less' });
    expect(compareMedians(after, before).ratio).toBeCloseTo(1.3, 1);
  });

  it('takes a change within the tolerance for none', () => {
    const normal = normalNumbers(3);
    const [before, after] = [measured(normal, 1), measured(normal, 1.15)];
    expect(compareMedians(after, before, { tolerance: 0.5 }).verdict).toBe('same');
    expect(compareMedians(after, before, { tolerance: 0.15 }).verdict).toBe('unclear');
  });

  it('is repeatable, and another draw is near it', () => {
    const normal = normalNumbers(4);
    const sides = [measured(normal, 1), measured(normal, 1)] as const;
    expect(compareMedians(...sides)).toEqual(compareMedians(...sides));
    const other = compareMedians(...sides, { seed: 2 });
    expect(other.interval).not.toEqual(compareMedians(...sides).interval);
    expect(other.interval[0]).toBeCloseTo(compareMedians(...sides).interval[0], 1);
  });

  it('says nothing of one process, and takes plain numbers', () => {
    expect(compareMedians([[2, 2, 2]], [[1, 1, 1]])).toEqual({
      ratio: 2,
      interval: [0, Infinity],
      verdict: 'unclear',
    });
    expect(compareMedians([2, 2.1, 1.9], [1, 1.05, 0.95]).ratio).toBeCloseTo(2, 2);
  });

  it.each([[[]], [[[]]], [[1, 0]], [[1, -1]], [[1, NaN]], [[1, Infinity]]])(
    'refuses %j',
    (repetitions) => {
      expect(() => compareMedians(repetitions as number[], [1, 2])).toThrow(RangeError);
    },
  );
});

describe('ThinnedSamples', () => {
  it('keeps everything that fits', () => {
    const samples = new ThinnedSamples();
    for (const value of range(1001).reverse()) samples.push(value);
    expect(samples.percentiles([50, 99])).toEqual([501, 991]);
  });

  it('keeps an even part of what does not fit', () => {
    const samples = new ThinnedSamples();
    const count = 1_000_000;
    for (let value = 1; value <= count; value++) samples.push(value);
    const [p1 = 0, p50 = 0, p99 = 0] = samples.percentiles([1, 50, 99]);
    expect(p1 / count).toBeCloseTo(0.01, 3);
    expect(p50 / count).toBeCloseTo(0.5, 3);
    expect(p99 / count).toBeCloseTo(0.99, 3);
  });

  it('has no percentiles without values', () => {
    expect(new ThinnedSamples().percentiles([50])).toEqual([undefined]);
  });
});
