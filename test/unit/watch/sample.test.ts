// Which requests are looked at, and that what is concluded from them is right for all.
import { afterEach, describe, expect, it, vi } from 'vitest';

import {
  ModelWatch,
  Profiler,
  RequestSampler,
  type RowTensors,
  type SampleOptions,
} from '../../../lib/watch';
import { digestOf, LeftOut } from '../../../lib/watch/sample/left-out';
import { uniform } from '../../../lib/watch/sample/uniform';

const tensor = (values: number[], width = values.length): RowTensors[string] => ({
  type: 'float64',
  dims: [values.length / width, width],
  data: Float64Array.from(values),
});

/** Draws that are the same in each run (Marsaglia, Xorshift RNGs, 2003). */
function seeded(seed = 0x2545f491): void {
  let state = seed;
  vi.spyOn(Math, 'random').mockImplementation(() => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) / 2 ** 32;
  });
}

afterEach(() => vi.restoreAllMocks());

/** Requests of so many rows a second each, one second after the other; what is looked at of each second. */
function seconds(sampler: RequestSampler, rates: readonly number[], rows = 1): number[][] {
  const start = Date.now();
  return rates.map((rate, second) => {
    const weights: number[] = [];
    for (let index = 0; index < rate; index++) {
      const weight = sampler.next(start + 1000 * (second + index / rate));
      if (weight === 0) continue;
      weights.push(weight);
      sampler.looked({ x: tensor(new Array<number>(rows).fill(0), 1) });
    }
    return weights;
  });
}

describe('a sampler', () => {
  it('looks at all rows while there are not too many, and then at about as many as it may', () => {
    const looked = seconds(
      new RequestSampler(),
      [225, 250, 12_500, 12_500, 12_500, 750, 125, 125, 125],
    );
    const counts = looked.map(({ length }) => length);
    expect(counts.slice(0, 2)).toEqual([225, 250]);
    // A rise that nobody knew of costs some more.
    expect(counts[2]).toBeLessThan(1000);
    for (const steady of [counts[3]!, counts[4]!]) {
      expect(steady).toBeGreaterThan(125);
      expect(steady).toBeLessThanOrEqual(275);
    }
    expect(counts.at(-1)).toBe(125);
    for (const weight of looked[4]!.slice(10)) expect(Math.abs(weight - 50)).toBeLessThan(3);
  });

  it('goes by the time that is told, and takes a clock that is set back', () => {
    const sampler = new RequestSampler({ maxRowsPerSecond: 10 });
    const inputs = { x: tensor([1], 1) };
    for (let minute = 100; minute > 0; minute--) {
      expect(sampler.next(minute * 60_000)).toBe(1);
      sampler.looked(inputs);
    }
    for (let minute = 0; minute < 100; minute++) {
      expect(sampler.next(minute * 60_000)).toBe(1);
      sampler.looked(inputs);
    }
  });

  it('counts what requests cost: their rows, and the elements of large ones', () => {
    const many = seconds(new RequestSampler({ maxRowsPerSecond: 100 }), [100, 100, 100], 50);
    expect(many[2]!.length * 50).toBeLessThanOrEqual(150);
    const sampler = new RequestSampler({ maxRowsPerSecond: 100 });
    const start = Date.now();
    const image = { x: tensor(new Array<number>(150_528).fill(0)) };
    let looked = 0;
    for (let index = 0; index < 100; index++) {
      if (sampler.next(start + index * 100) === 0) continue;
      looked++;
      sampler.looked(image, image);
    }
    // 147 rows of 2,048 elements: one in a second and a half.
    expect(looked).toBeLessThan(20);
  });

  it('looks at any of several in a row with the same probability, and says of how many it is one', () => {
    seeded();
    const sampler = new RequestSampler({ maxRowsPerSecond: 100 });
    seconds(sampler, [1000, 1000]);
    // No time passes any more: the stride stays.
    const now = Date.now() + 1500;
    const next = (): number => sampler.next(now);
    const stride = Array.from({ length: 100 }, next).reduce((a, b) => Math.max(a, b));
    expect(stride).toBeGreaterThan(8);
    while (next() === 0);
    const places = new Array<number>(stride).fill(0);
    for (let at = 0; at < 1000 * stride; at++) if (next() > 0) places[at % stride]!++;
    expect(places.reduce((sum, count) => sum + count, 0)).toBeGreaterThanOrEqual(999);
    for (const count of places) expect(Math.abs(count - 1000 / stride)).toBeLessThan(45);
  });

  it('forgets one large request with the second that it came in', () => {
    const start = Date.now();
    const small = { x: tensor([1], 1) };
    for (const rows of [9000, 1_000_000]) {
      const sampler = new RequestSampler();
      const large = {
        x: { type: 'float64' as const, dims: [rows, 1], data: new Float64Array(rows) },
      };
      let unseen = 0;
      for (let index = 0; index < 400; index++) {
        const weight = sampler.next(start + index * 10);
        if (weight > 0) sampler.looked(index === 50 ? large : small);
        else unseen++;
        if (index >= 200) expect(weight).toBe(1);
      }
      expect(unseen).toBeLessThan(150);
    }
  });

  it('takes no time for nothing, and tensors that cannot be read for one row', () => {
    const sampler = new RequestSampler({ maxRowsPerSecond: 100 });
    for (const time of [NaN, Infinity, 5n, null, 'x'] as unknown as number[]) {
      for (let index = 0; index < 3; index++) {
        expect(sampler.next(time)).toBe(1);
        sampler.looked(null as never, null as never);
      }
    }
    const disposed = {
      get data(): never {
        throw new Error('disposed');
      },
      type: 'float64' as const,
      dims: [1],
    };
    expect(() => sampler.looked({ x: disposed })).not.toThrow();
  });

  it('takes a share, with what it stands for, and divides its rows among several', () => {
    seeded();
    const sampler = new RequestSampler({ sample: 0.25 });
    const weights = seconds(sampler, [20_000]).flat();
    expect(new Set(weights)).toEqual(new Set([4]));
    expect(Math.abs(weights.length - 5000)).toBeLessThan(250);
    const [, , third] = seconds(new RequestSampler({}, 4), [5000, 5000, 5000]);
    expect(third!.length).toBeLessThanOrEqual(70);
  });

  it.each([
    [{ sample: 2 }, 'sample'],
    [{ sample: NaN }, 'sample'],
    [{ sample: '0.5' }, 'sample'],
    [{ sample: null }, 'sample'],
    [{ maxRowsPerSecond: 0 }, 'maxRowsPerSecond'],
    [{ maxRowsPerSecond: 0.5 }, 'maxRowsPerSecond'],
  ])('refuses %j', (options, path) => {
    expect(() => new RequestSampler(options as SampleOptions)).toThrow(`${path}: expected`);
  });

  it('bounds what it remembers of those that pass', () => {
    const sampler = new RequestSampler();
    for (let index = 0; index < 20_000; index++) sampler.passed(`r${index}`, new Error('no'));
    const { count, ids, errors } = sampler.takeSkipped()!;
    expect(count).toBe(20_000);
    expect(ids.length).toBeLessThan(10_000);
    expect(errors.length).toBeLessThan(10_000);
    expect(sampler.takeSkipped()).toBeUndefined();
  });
});

describe('requests that were left out', () => {
  it('are told from those that never were', () => {
    const leftOut = new LeftOut();
    expect(leftOut.has('a')).toBe(false);
    leftOut.add(Uint32Array.from({ length: 10_000 }, (_, index) => digestOf(`request-${index}`)));
    let known = 0;
    for (let index = 0; index < 10_000; index++) known += Number(leftOut.has(`request-${index}`));
    // Of two in one place the last one is known.
    expect(known).toBeGreaterThan(9400);
    expect(leftOut.has('request-9999/3')).toBe(true);
    let strangers = 0;
    for (let index = 0; index < 10_000; index++) strangers += Number(leftOut.has(`other-${index}`));
    expect(strangers).toBeLessThan(5);
  });
});

describe('a window', () => {
  it('is thinned to those that are as probable as each other', () => {
    seeded();
    const rows = Array.from({ length: 4000 }, (_, index) => ({
      ...{ index, draw: Math.random(), weight: index < 2000 ? 1 : 10 },
    }));
    const found = uniform(rows);
    expect(found.filter(({ index }) => index >= 2000)).toHaveLength(2000);
    expect(Math.abs(found.filter(({ index }) => index < 2000).length - 200)).toBeLessThan(60);
    expect(uniform(rows)).toEqual(found);
    expect(uniform(rows.slice(2000))).toHaveLength(2000);
    expect(uniform([])).toEqual([]);
  });
});

describe('a watch of a sample', () => {
  const reference = () => {
    const profiler = new Profiler();
    for (let row = 0; row < 1000; row++) profiler.add({ x: row / 1000 }, row % 2);
    return profiler.finish('categorical');
  };

  /** At night one of four requests is wrong, by day three of four, of which few are looked at. */
  it('gives figures of all requests, where the share that is looked at changes', async () => {
    seeded();
    const watch = await ModelWatch.open({
      model: 'm',
      profile: reference(),
      drift: { window: 4000 },
      qualityWindow: 4000,
    });
    const all = { requests: 0, wrong: 0 };
    const values: number[] = [];
    const ask = (count: number, stride: number, wrong: number, from: number): void => {
      for (let index = 0; index < count; index++) {
        const [value, isWrong] = [from + (index % 500) / 1000, index % 4 < wrong];
        all.requests++;
        all.wrong += Number(isWrong);
        values.push(value);
        if (index % stride !== 0 && stride > 1) continue;
        const id = `r${all.requests}`;
        watch.record({
          ...{ requestId: id, weight: stride, latencyMs: 1 },
          inputs: { x: tensor([value], 1) },
          outputs: { y: { type: 'int32', dims: [1], data: Int32Array.of(1) } },
        });
        watch.label(id, isWrong ? 0 : 1);
      }
    };
    ask(2000, 1, 1, 0);
    // 41 has no divisor in common with what the values and labels repeat by.
    ask(41 * 1000, 41, 3, 0.5);
    const { quality, drift, outputs } = watch.report();
    const found = quality[0]!.quality;
    if (found.kind !== 'classification') throw new Error('expected classes');
    const share = 1 - all.wrong / all.requests;
    expect(Math.abs(found.accuracy - share)).toBeLessThan(
      3 * Math.sqrt((share * (1 - share)) / 1000),
    );
    // Of the rows that are looked at, without regard to what they stand for, it would be 0.58.
    expect(found.rows).toBeLessThan(1100);
    expect(drift!.rows).toBeLessThan(1100);
    expect(drift!.rows).toBeGreaterThan(1000);
    const { bins, counts } = watch.bins[0]!;
    expect(bins).toContain('+Inf');
    expect(counts.reduce((sum, count) => sum + count, 0)).toBe(all.requests);
    for (const [index, edge] of bins.entries()) {
      const below = counts.slice(0, index + 1).reduce((sum, count) => sum + count, 0);
      const really = values.filter(
        (value) => value < Number(edge.replace('+Inf', 'Infinity')),
      ).length;
      expect(Math.abs(below - really)).toBeLessThan(0.02 * all.requests);
    }
    expect(outputs.rows).toBe(all.requests);
    await watch.close();
  });

  it('counts all failures, and tells labels of requests that were not looked at', async () => {
    const watch = await ModelWatch.open({ model: 'm', sample: 0 });
    const inputs = { x: tensor([1], 1) };
    for (let index = 0; index < 10; index++) {
      const end = watch.start({ inputs, requestId: `r${index}` });
      if (index < 3) end({ error: Object.assign(new Error('no'), { code: 'ERR_RUN_FAILED' }) });
      else end({ outputs: { y: tensor([1], 1) } });
    }
    expect(['r4', 'r5/0', 'never'].map((id) => watch.label(id, 1))).toEqual([false, false, false]);
    expect(watch.report()).toMatchObject({
      ...{ requests: 0, skipped: 10, rows: 0, errors: [{ kind: 'ERR_RUN_FAILED', count: 3 }] },
      labels: { unsampled: 2, unmatched: 1 },
    });
    await watch.close();
  });
});
