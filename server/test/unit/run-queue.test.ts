import { describe, expect, it } from 'vitest';

import { NOBODY, type Caller } from '../../lib/models/caller';
import { Overloaded } from '../../lib/models/errors';
import { RunQueue } from '../../lib/models/run-queue';
import { ServiceTime } from '../../lib/models/service-time';
import { RequestStatistics } from '../../lib/models/statistics';

describe('the time that runs take', () => {
  it('is that between two ends, however many are under way', () => {
    const time = new ServiceTime(2);
    // Alone: two could have been made in that time.
    for (let run = 0; run < 50; run++) time.ended(10, 1);
    expect(time.intervalMs).toBeCloseTo(5);
    expect(time.runMs).toBeCloseTo(10);
    // Four were handed over, and each took as long as two.
    for (let run = 0; run < 50; run++) time.ended(20, 4);
    expect(time.intervalMs).toBeCloseTo(5);
    expect(time.until(6)).toBeCloseTo(30);
    expect(time.until(1)).toBeCloseTo(10);
  });

  it('is not that of one slow run, and follows when all become slow', () => {
    const time = new ServiceTime(1);
    for (let run = 0; run < 50; run++) time.ended(1, 1);
    time.ended(60_000, 1);
    expect(time.runMs).toBeLessThan(1.3);
    for (let run = 0; run < 150; run++) time.ended(1000, 1);
    expect(time.runMs).toBeGreaterThan(900);
  });

  it('is at least that of runs that were given up', () => {
    const time = new ServiceTime(1);
    time.gaveUp(100, 1);
    expect(time.runMs).toBe(100);
    time.gaveUp(1, 1);
    expect(time.runMs).toBe(100);
  });
});

/** A queue of one place, of runs that take 100 ms. */
function slowQueue(maxQueue = 10, maxQueueBytes = 1000) {
  const statistics = new RequestStatistics();
  const queue = new RunQueue({ parallel: 1, maxQueue, maxQueueBytes }, statistics);
  for (let run = 0; run < 20; run++) {
    expect(queue.enter()).toBe(true);
    queue.leave(100, 1, true);
  }
  const order: string[] = [];
  /** Waits, and has its place when its name is in the order. */
  const wait = (
    name: string,
    priority = 4,
    deadlineMs?: number,
    caller: Caller = NOBODY,
    bytes = 1,
  ): Promise<unknown> =>
    queue
      .wait(
        bytes,
        caller,
        deadlineMs === undefined ? undefined : performance.now() + deadlineMs,
        priority,
      )
      .then(
        () => order.push(name),
        (error: unknown) => error,
      );
  return { queue, statistics, order, wait };
}

describe('the queue of a model', () => {
  it('has those wait that find no place, by their priority and then in their order', async () => {
    const { queue, statistics, order, wait } = slowQueue();
    expect(queue.enter()).toBe(true);
    expect(queue.enter()).toBe(false);
    const all = [wait('a'), wait('low', 8), wait('b'), wait('high', 1), wait('c')];
    expect(statistics.waiting).toBe(5);
    for (let run = 0; run < 5; run++) queue.leave(100, 1, true);
    await Promise.all(all);
    expect(order).toEqual(['high', 'a', 'b', 'c', 'low']);
    expect(statistics.waiting).toBe(0);
    expect(queue.underWay).toBe(1);
  });

  it('refuses at once what would be too late, by what waits before it', async () => {
    const { queue, statistics, wait } = slowQueue();
    expect(queue.enter()).toBe(true);
    for (let index = 0; index < 5; index++) void wait(String(index));
    // After one run and five others.
    const late = await wait('late', 4, 500);
    expect(late).toBeInstanceOf(Overloaded);
    // A tenth more is reckoned with.
    expect((late as Overloaded).retryAfterMs).toBeGreaterThan(220);
    expect((late as Overloaded).retryAfterMs).toBeLessThan(320);
    void wait('in time', 4, 60_000);
    void wait('before them', 1, 500);
    expect(statistics.waiting).toBe(7);
    expect(statistics.notRun).toEqual({ refused: 1, expired: 0, left: 0 });
  });

  it('lets one in when nothing is under way, whatever it has seen', () => {
    const { queue } = slowQueue();
    for (let run = 0; run < 3; run++) {
      expect(queue.enter()).toBe(true);
      queue.leave(1, 1, true);
    }
    expect(queue.time.runMs).toBeLessThan(90);
  });

  it('does not run what has waited too long', async () => {
    const { queue, statistics, order, wait } = slowQueue();
    expect(queue.enter()).toBe(true);
    // It was to be in time, and the run before does not end.
    const late = await wait('late', 4, 250);
    expect(late).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(order).toEqual([]);
    expect(statistics.notRun).toEqual({ refused: 0, expired: 1, left: 0 });
    queue.leave(100, 1, true);
    expect(queue.underWay).toBe(0);
  });

  it('does not begin what would not end in time, unless nothing else is to be run', async () => {
    const { queue, statistics, order, wait } = slowQueue();
    const spend = (ms: number): void => {
      const until = performance.now() + ms;
      while (performance.now() < until);
    };
    expect(queue.enter()).toBe(true);
    const late = wait('late', 4, 250);
    const other = wait('other');
    spend(160);
    queue.leave(100, 1, true);
    const error = await late;
    expect(error).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(String(error)).toContain('the run would take some 100 ms');
    await other;
    expect(statistics.notRun).toEqual({ refused: 0, expired: 1, left: 0 });
    const only = wait('only', 4, 250);
    spend(160);
    queue.leave(100, 1, true);
    await only;
    expect(order).toEqual(['other', 'only']);
  });

  it('refuses by a deadline alone only where others wait, and priorities are known', () => {
    const { queue, statistics, wait } = slowQueue();
    const caller = (ms: number): Caller => ({ ...NOBODY, deadline: performance.now() + ms });
    expect(queue.enter()).toBe(true);
    queue.refuseLate(caller(10));
    void wait('other');
    expect(() => queue.refuseLate(caller(200))).toThrow(Overloaded);
    queue.refuseLate(caller(60_000));
    queue.refuseLate(NOBODY);
    queue.hasPrioritiesInBodies = true;
    queue.refuseLate(caller(200));
    expect(statistics.notRun).toEqual({ refused: 1, expired: 0, left: 0 });
  });

  it('forgets whose client leaves', async () => {
    const { queue, statistics, order, wait } = slowQueue();
    let leave: (() => void) | undefined;
    const caller: Caller = { ...NOBODY, onLeave: (tell) => (leave = tell) };
    expect(queue.enter()).toBe(true);
    const left = wait('left', 4, undefined, caller);
    const other = wait('other');
    leave?.();
    expect(await left).toMatchObject({ code: 'ERR_CANCELLED' });
    // Nobody is told of it any more.
    expect(leave).toBeUndefined();
    queue.leave(100, 1, true);
    await other;
    expect(order).toEqual(['other']);
    expect(statistics.notRun).toEqual({ refused: 0, expired: 0, left: 1 });
  });

  it('is full at its bound, where the last of a lower priority makes room', async () => {
    const { queue, order, wait } = slowQueue(2);
    expect(queue.enter()).toBe(true);
    const first = wait('first', 5);
    const second = wait('second', 5);
    expect(await wait('third', 5)).toBeInstanceOf(Overloaded);
    const urgent = wait('urgent', 1);
    expect(await second).toBeInstanceOf(Overloaded);
    for (let run = 0; run < 2; run++) queue.leave(100, 1, true);
    await Promise.all([first, urgent]);
    expect(order).toEqual(['urgent', 'first']);
  });

  it('holds no more bytes than it may', async () => {
    const { queue, wait } = slowQueue(10, 1000);
    expect(queue.enter()).toBe(true);
    void wait('half', 4, undefined, NOBODY, 500);
    void wait('half', 4, undefined, NOBODY, 500);
    const more = await wait('more', 4, undefined, NOBODY, 1);
    expect(more).toBeInstanceOf(Overloaded);
    expect(String(more)).toContain('maxQueueBytes 1000');
  });

  it('makes nobody leave for one that would have no room all the same', async () => {
    const { queue, statistics, order, wait } = slowQueue(10, 1000);
    expect(queue.enter()).toBe(true);
    const low = wait('low', 8, undefined, NOBODY, 100);
    const high = wait('high', 2, undefined, NOBODY, 500);
    expect(await wait('too large', 1, undefined, NOBODY, 1001)).toBeInstanceOf(Overloaded);
    expect(await wait('no room', 3, undefined, NOBODY, 501)).toBeInstanceOf(Overloaded);
    expect(statistics.notRun.refused).toBe(2);
    for (let run = 0; run < 2; run++) queue.leave(100, 1, true);
    await Promise.all([low, high]);
    expect(order).toEqual(['high', 'low']);
  });

  it('has one whose client leaves at its deadline as one that was too late', async () => {
    const { queue, statistics, wait } = slowQueue();
    let leave: (() => void) | undefined;
    const caller: Caller = { ...NOBODY, onLeave: (tell) => (leave = tell) };
    for (let run = 0; run < 100; run++) queue.time.ended(0, 1);
    expect(queue.enter()).toBe(true);
    while (queue.enter());
    const late = wait('late', 4, 1, caller);
    const until = performance.now() + 2;
    while (performance.now() < until);
    leave?.();
    expect(await late).toMatchObject({ code: 'ERR_TIMEOUT' });
    expect(statistics.notRun).toEqual({ refused: 0, expired: 1, left: 0 });
  });

  it('has the next of short runs handed over before one ends', () => {
    const statistics = new RequestStatistics();
    const limits = { parallel: 3, maxQueue: 10, maxQueueBytes: 1000 };
    const queue = new RunQueue(limits, statistics);
    const enter = (): number => {
      let count = 0;
      while (queue.enter()) count++;
      return count;
    };
    const count = enter();
    for (let run = 0; run < count; run++) queue.leave(300, 3, true);
    expect(count).toBe(6);
    expect(enter()).toBe(3);
  });
});
