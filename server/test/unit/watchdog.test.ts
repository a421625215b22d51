import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest';

import { Watchdog } from '../../lib/models/watchdog';

describe('the watchdog of runs', () => {
  const told: (string | undefined)[] = [];
  let watchdog: Watchdog;
  beforeEach(() => {
    vi.useFakeTimers();
    told.length = 0;
    watchdog = new Watchdog(1000, (problem) => told.push(problem));
  });
  afterEach(() => {
    watchdog.stop();
    vi.useRealTimers();
  });
  const begin = () => watchdog.began(performance.now());
  const problem = 'a run has not ended for more than 1000 ms';

  it('tells once of one that does not end, and of its end', () => {
    const run = begin();
    vi.advanceTimersByTime(900);
    expect(told).toEqual([]);
    vi.advanceTimersByTime(5000);
    expect(told).toEqual([problem]);
    watchdog.ended(begin());
    expect(told).toEqual([problem]);
    watchdog.ended(run);
    expect(told).toEqual([problem, undefined]);
  });

  it('does not take one that was given up for one without end', () => {
    watchdog.gaveUp(begin());
    vi.advanceTimersByTime(60_000);
    expect(told).toEqual([]);
  });

  it('tells of the end of one that was given up: who is not ready gets no other that could end', () => {
    const run = begin();
    vi.advanceTimersByTime(2000);
    watchdog.gaveUp(run);
    expect(told).toEqual([problem, undefined]);
    // It did not end: those after it are given up, too, and none is waited for any more.
    for (let later = 0; later < 10_000; later++) watchdog.gaveUp(begin());
    vi.advanceTimersByTime(2000);
    expect(told).toEqual([problem, undefined, problem]);
    for (let later = 0; later < 10; later++) watchdog.gaveUp(begin());
    expect(told).toHaveLength(3);
    watchdog.ended(begin());
    expect(told).toHaveLength(4);
  });

  it('does so when none of those after it ends either', () => {
    watchdog.gaveUp(begin());
    for (let later = 0; later < 3; later++) {
      vi.advanceTimersByTime(100);
      watchdog.gaveUp(begin());
    }
    vi.advanceTimersByTime(2000);
    expect(told).toEqual([problem]);
    watchdog.ended(begin());
    expect(told).toEqual([problem, undefined]);
  });
});
