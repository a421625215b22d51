import { describe, expect, it } from 'vitest';

import { checkedSamples, someOf, type Sample } from '../../../lib/optimize/compare/sample';

async function all(samples: unknown, signal?: AbortSignal): Promise<Sample[]> {
  const found: Sample[] = [];
  for await (const sample of checkedSamples(samples as Sample[], signal)) found.push(sample);
  return found;
}

const feeds = {};
const invalidWith = (message: string) => ({
  code: 'ERR_INVALID_ARGUMENT',
  message: expect.stringContaining(message) as string,
});

describe('someOf', () => {
  it.each([
    [5, 8, [0, 1, 2, 3, 4]],
    [10, 4, [0, 2, 5, 7]],
    [100, 3, [0, 33, 66]],
  ])('takes of %d samples at most %d, from all over them', async (count, most, expected) => {
    const samples = Array.from({ length: count }, (_, label) => ({ feeds, labels: [label] }));
    const indices = async (from: Iterable<Sample>): Promise<unknown[]> => {
      const found: unknown[] = [];
      for await (const { labels } of someOf(from as Sample[], most)) found.push(labels?.[0]);
      return found;
    };
    expect(await indices(samples)).toEqual(expected);
    expect(await indices(new Set(samples))).toEqual(expected.map((_, index) => index));
  });
});

describe('samples', () => {
  it('come from any iterable, of promises too', async () => {
    const one = { feeds, labels: [1, [0.5, 2]] };
    expect(await all([one, Promise.resolve(one)])).toEqual([one, one]);
    async function* later(): AsyncGenerator {
      yield await Promise.resolve(one);
    }
    expect(await all(later())).toEqual([one]);
  });

  it.each([
    [5, 'samples: expected an iterable'],
    [{ [Symbol.iterator]: 5 }, 'samples: expected an iterable'],
    [{ [Symbol.iterator]: () => 5 }, 'samples: expected an iterator with a method next'],
    [{ [Symbol.iterator]: () => ({ next: () => 5 }) }, 'whose next gives objects'],
    [[], 'samples: there are none'],
    [[{ feeds }, { feeds, labels: ['cat'] }], 'samples[1].labels[0]: expected a finite number'],
    [[{ feeds, labels: [0, NaN] }], 'samples[0].labels[1]: expected a finite number'],
    [[{ feeds, labels: [[1, null]] }], 'samples[0].labels[0]: expected a finite number'],
    [[{ feeds, labels: [[]] }], 'samples[0].labels[0]: expected a finite number'],
  ])('are checked: %j', async (samples, message) => {
    await expect(all(samples)).rejects.toMatchObject(invalidWith(message));
  });

  it('that never come are waited for until the signal fires', async () => {
    let isReturned = false;
    const never = {
      [Symbol.asyncIterator]: () => ({
        next: () => new Promise<never>(() => undefined),
        return: () => {
          isReturned = true;
          return new Promise<never>(() => undefined);
        },
      }),
    };
    const signal = AbortSignal.timeout(20);
    await expect(all(never, signal)).rejects.toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(isReturned).toBe(true);
    await expect(all(never, AbortSignal.abort())).rejects.toMatchObject({ code: 'ERR_CANCELLED' });
  });

  it('are given back when no more are wanted', async () => {
    let isClosed = false;
    function* many(): Generator<Sample> {
      try {
        for (;;) yield { feeds };
      } finally {
        isClosed = true;
      }
    }
    const iterator = checkedSamples(many());
    expect(await iterator.next()).toEqual({ done: false, value: { feeds } });
    await iterator.return(undefined);
    expect(isClosed).toBe(true);
  });
});
