import { setTimeout as sleep } from 'node:timers/promises';

import { describe, expect, it } from 'vitest';

import { closedLoop } from '../../../lib/bench/closed-loop';
import { eventLoopDelay } from '../../../lib/bench/event-loop';
import { interleave } from '../../../lib/bench/interleave';
import { openLoop } from '../../../lib/bench/open-loop';
import { batchFor, sampleAsync, sampleSync } from '../../../lib/bench/sample';
import { warmUp } from '../../../lib/bench/warm-up';

/** Keeps the thread busy until the clock says so. */
function block(ms: number): void {
  const end = performance.now() + ms;
  while (performance.now() < end);
}

describe('warm-up', () => {
  it('makes ten runs even when they are long', async () => {
    let runs = 0;
    await warmUp(
      () => {
        runs++;
        block(5);
      },
      { ms: 1 },
    );
    expect(runs).toBe(10);
  });

  it('goes on for a second when they are short', async () => {
    const start = performance.now();
    const mean = await warmUp(() => sleep(1));
    expect(performance.now() - start).toBeGreaterThanOrEqual(1000);
    expect(mean).toBeGreaterThan(0);
  });

  it('lets an error through', async () => {
    await expect(warmUp(() => Promise.reject(new Error('no')))).rejects.toThrow('no');
  });
});

describe('slices', () => {
  it('count whole batches', async () => {
    let runs = 0;
    const { count } = sampleSync(() => runs++, { ms: 5, batch: 7 });
    expect(runs).toBe(count * 7);
    expect((await sampleAsync(() => sleep(1), { ms: 5 })).count).toBeGreaterThan(0);
    expect([batchFor(1e9), batchFor(1000)]).toEqual([1, 50]);
  });
});

describe('closed loop', () => {
  it('has as many runs in flight as there are lanes', async () => {
    let inFlight = 0;
    let most = 0;
    const lane = async (): Promise<void> => {
      most = Math.max(most, ++inFlight);
      await sleep(1);
      inFlight--;
    };
    const { runs, latency } = await closedLoop([lane, lane, lane], { runs: 20, latencies: true });
    expect({ runs, most, inFlight }).toEqual({ runs: 20, most: 3, inFlight: 0 });
    expect(latency?.count).toBe(20);
  });

  it('tells each latency, and ends by time', async () => {
    const latencies: number[] = [];
    const { runs, perRun, runsPerSecond } = await closedLoop([() => sleep(1)], {
      ms: 20,
      onLatency: (latency) => latencies.push(latency),
    });
    expect(latencies).toHaveLength(runs);
    expect(perRun * runsPerSecond).toBeCloseTo(1e9, -3);
  });

  it('rejects with the first error, or counts them', async () => {
    const lane = (): Promise<never> => Promise.reject(new Error('no'));
    await expect(closedLoop([lane, lane], { runs: 5 })).rejects.toThrow('no');
    const errors: unknown[] = [];
    const options = { runs: 5, onError: (error: unknown) => errors.push(error) };
    expect((await closedLoop([lane], options)).runs).toBe(0);
    expect(errors).toHaveLength(5);
    await expect(closedLoop([lane], {})).rejects.toThrow(RangeError);
  });
});

describe('open loop', () => {
  it('makes the same arrivals for the same seed, at the rate that was asked for', async () => {
    const arrivals = async (seed: number): Promise<number> => {
      const { completed } = await openLoop(() => Promise.resolve(), {
        perSecond: 20_000,
        ms: 100,
        seed,
      });
      return completed;
    };
    const count = await arrivals(3);
    expect(await arrivals(3)).toBe(count);
    // 2000 with a standard deviation of 45.
    expect(Math.abs(count - 2000)).toBeLessThan(5 * 45);
  });

  it('counts a stall for every request that it held up', async () => {
    let first = true;
    const { latency, completed } = await openLoop(
      () => {
        if (first) block(100);
        first = false;
        return Promise.resolve();
      },
      { perSecond: 1000, ms: 200 },
    );
    // About 100 requests became due in the 100 ms: the median of all 200 waited for some of it.
    expect(completed).toBeGreaterThan(100);
    expect(latency.max).toBeGreaterThan(90e6);
    expect(latency.p90).toBeGreaterThan(40e6);
  });

  it('goes on after failures and stops after so many requests', async () => {
    const errors: unknown[] = [];
    let requests = 0;
    const run = (): Promise<void> =>
      ++requests % 2 === 0 ? Promise.reject(new Error('no')) : Promise.resolve();
    const { completed, failed } = await openLoop(run, {
      perSecond: 10_000,
      requests: 10,
      onError: (error) => errors.push(error),
    });
    expect({ completed, failed, requests }).toEqual({ completed: 5, failed: 5, requests: 10 });
    expect(errors).toHaveLength(5);
  });

  it.each([{ perSecond: 0, ms: 1 }, { perSecond: NaN, ms: 1 }, { perSecond: 1 }])(
    'refuses %j',
    async (options) => {
      await expect(openLoop(() => Promise.resolve(), options)).rejects.toThrow(RangeError);
    },
  );
});

describe('event-loop delay', () => {
  it('shows a blocked loop', async () => {
    const { result, max } = await eventLoopDelay(async () => {
      await sleep(5);
      block(60);
      await sleep(5);
      return 'done';
    });
    expect(result).toBe('done');
    expect(max).toBeGreaterThan(50e6);
  });
});

describe('interleaving', () => {
  it('takes turns at going first, and the ratio within a repetition', async () => {
    const order: string[] = [];
    const slice = (name: string, value: number) => () => {
      order.push(name);
      return { p50: value };
    };
    const { ratio, difference, slices, attempts, noisy } = await interleave({
      subject: slice('s', 30),
      baseline: slice('b', 20),
      repetitions: 4,
    });
    expect(order.join('')).toBe('sbbssbbs');
    expect([ratio.median, difference.median, attempts, noisy]).toEqual([1.5, 10, 1, undefined]);
    expect(slices.subject).toHaveLength(4);
  });

  it('measures again while the baseline is unsteady, and says so in the end', async () => {
    let turn = 0;
    const result = await interleave({
      subject: () => 1,
      baseline: () => (turn++ % 2 === 0 ? 1 : 2),
      value: (slice) => slice,
      repetitions: 2,
    });
    expect([result.attempts, result.noisy]).toEqual([3, true]);
  });

  it('asks for a number where a slice has no p50', async () => {
    const options = { subject: () => 1, baseline: () => 1, repetitions: 1 };
    await expect(interleave(options)).rejects.toThrow('p50');
    await expect(interleave({ ...options, repetitions: 0 })).rejects.toThrow(RangeError);
  });
});
