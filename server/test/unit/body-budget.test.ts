import { afterEach, describe, expect, it, vi } from 'vitest';

import { BodyBudget, sharedBudget } from '../../lib/body-budget';
import { Overloaded } from '../../lib/models/errors';

const MIB = 1 << 20;
const several = (): boolean => true;
const one = (): boolean => false;

describe('the bytes that requests in flight hold', () => {
  it('are no more than there is room for, but for the oldest', () => {
    const budget = new BodyBudget(8 * MIB, one);
    const [first, second] = [budget.share('a'), budget.share('a')];
    expect(first.tryGrow(4 * MIB)).toBe(true);
    expect(second.tryGrow(4 * MIB)).toBe(true);
    expect(budget.bytes).toBe(8 * MIB);
    expect(second.tryGrow(5 * MIB)).toBe(false);
    // Else all would wait for each other.
    expect(first.tryGrow(20 * MIB)).toBe(true);
    expect(budget.bytes).toBe(24 * MIB);
    first.release();
    first.release();
    expect(budget.bytes).toBe(4 * MIB);
    expect(second.tryGrow(8 * MIB)).toBe(true);
    second.release();
    expect(budget.bytes).toBe(0);
  });

  it('are waited for in the order of asking', async () => {
    const budget = new BodyBudget(8 * MIB, one);
    const all = Array.from({ length: 4 }, () => budget.share('a'));
    const order: number[] = [];
    const done = all.map(async (share, index) => {
      await share.wait(8 * MIB);
      order.push(index);
      expect(budget.bytes).toBe(8 * MIB);
      share.release();
    });
    expect(budget.waiting).toBe(3);
    await Promise.all(done);
    expect(order).toEqual([0, 1, 2, 3]);
    expect(budget.bytes).toBe(0);
  });

  it('are taken ahead for a body that says how long it is, and given back where nothing more comes', async () => {
    const budget = new BodyBudget(2 * MIB, one);
    const stalled = Array.from({ length: 2 }, () => budget.share('a', 900_000));
    for (const share of stalled) expect(share.tryGrow(20_000)).toBe(true);
    expect(budget.bytes).toBe(2 * MIB);
    const next = budget.share('a', 900_000);
    await next.wait(20_000);
    // The one that goes on takes what it needs again.
    expect(stalled[0]!.tryGrow(30_000)).toBe(true);
    expect(budget.bytes).toBeLessThanOrEqual(2 * MIB);
    for (const share of [...stalled, next]) share.release();
    expect(budget.bytes).toBe(0);
  });

  it('go to those that have come before', async () => {
    const budget = new BodyBudget(MIB, one);
    const [first, second, third] = Array.from({ length: 3 }, () => budget.share('a'));
    expect(first!.tryGrow(MIB / 2)).toBe(true);
    const waiting = second!.wait(MIB);
    // There is room for this one, but not before the other.
    expect(third!.tryGrow(MIB / 4)).toBe(false);
    first!.release();
    await waiting;
    second!.release();
    expect(third!.tryGrow(MIB / 4)).toBe(true);
    third!.release();
  });

  it('are not waited for beyond a deadline, nor where those before had to wait for longer', async () => {
    const budget = new BodyBudget(MIB, one);
    const holder = budget.share('a');
    expect(holder.tryGrow(MIB)).toBe(true);
    const late = budget.share('a', 0, performance.now() + 60);
    await expect(late.wait(MIB)).rejects.toBeInstanceOf(Overloaded);
    const patient = budget.share('a');
    const waited = patient.wait(MIB);
    await new Promise((resolve) => setTimeout(resolve, 200));
    holder.release();
    await waited;
    const other = budget.share('a').wait(MIB);
    const refused = budget.share('a', 0, performance.now() + 50);
    await expect(refused.wait(MIB)).rejects.toBeInstanceOf(Overloaded);
    expect(budget.waiting).toBe(1);
    patient.release();
    await other;
  });

  it('are given up by a request that is over while it waits', async () => {
    const budget = new BodyBudget(8 * MIB, one);
    const [first, second] = [budget.share('a'), budget.share('a')];
    expect(first.tryGrow(8 * MIB)).toBe(true);
    const waiting = second.wait(MIB);
    second.release();
    await expect(waiting).rejects.toBeInstanceOf(Overloaded);
    expect(budget.waiting).toBe(0);
    first.release();
    expect(budget.bytes).toBe(0);
  });

  it('are half for the requests of one of several models', () => {
    const budget = new BodyBudget(8 * MIB, several);
    const flood = Array.from({ length: 8 }, () => budget.share('a'));
    expect(flood.filter((share) => share.tryGrow(MIB))).toHaveLength(4);
    const other = Array.from({ length: 8 }, () => budget.share('b'));
    expect(other.filter((share) => share.tryGrow(MIB))).toHaveLength(4);
    expect(budget.bytes).toBe(8 * MIB);
    for (const share of [...flood, ...other]) share.release();
    expect(budget.bytes).toBe(0);
  });

  it('are not counted where they are few', () => {
    const budget = new BodyBudget(MIB, one);
    expect(budget.share('a').tryGrow(1000)).toBe(true);
    expect(budget.bytes).toBe(0);
  });

  it('are those of all threads, and one that ends leaves nothing behind', () => {
    const memory = sharedBudget(2);
    const first = new BodyBudget(8 * MIB, one, memory, 0);
    const second = new BodyBudget(8 * MIB, one, memory, 1);
    expect(first.share('a').tryGrow(20 * MIB)).toBe(true);
    // Only one thread at a time has more than there is.
    expect(second.share('a').tryGrow(MIB)).toBe(false);
    const again = new BodyBudget(8 * MIB, one, memory, 0);
    expect(again.bytes).toBe(0);
    expect(second.share('a').tryGrow(MIB)).toBe(true);
    expect(again.bytes).toBe(MIB);
  });

  describe('while others wait', () => {
    afterEach(() => {
      vi.useRealTimers();
    });

    it('are taken from who does not go on sending, and not from who does or is not awaited', async () => {
      vi.useFakeTimers();
      const budget = new BodyBudget(8 * MIB, one);
      const cut: string[] = [];
      const holder = (name: string, isAwaited: boolean) => {
        const share = budget.share('a');
        const end = (error: Error): void => {
          expect(error).toMatchObject({ status: 408 });
          cut.push(name);
          share.release();
        };
        share.sender = { isAwaited: () => isAwaited, cut: end };
        expect(share.tryGrow(2 * MIB - 200_000)).toBe(true);
        return share;
      };
      holder('silent', true);
      const slow = holder('slow', true);
      holder('being run', false);
      expect(budget.share('a').tryGrow(2 * MIB)).toBe(true);
      // As long as nobody wants it, they may take their time.
      await vi.advanceTimersByTimeAsync(60_000);
      expect(cut).toEqual([]);
      const got = budget.share('a').wait(MIB);
      for (let second = 1; second <= 8; second++) {
        await vi.advanceTimersByTimeAsync(1000);
        slow.tryGrow(2 * MIB - 200_000 + second * 20_000);
      }
      await got;
      expect(cut).toEqual(['silent']);
    });

    it('are bounded, what those that wait send on included', async () => {
      const budget = new BodyBudget(8 * MIB, one);
      const first = budget.share('a');
      expect(first.tryGrow(8 * MIB)).toBe(true);
      const all = Array.from({ length: 20 }, () => budget.share('a'));
      const settled = Promise.allSettled(all.map((share) => share.wait(MIB)));
      for (const share of all) share.grewTo(4 * MIB);
      expect(budget.waiting).toBe(16);
      first.release();
      for (const share of all) share.release();
      expect((await settled).filter(({ status }) => status === 'rejected')).toHaveLength(4);
      expect(budget.bytes).toBe(0);
    });

    it('are not waited for by a request that is over', async () => {
      const budget = new BodyBudget(8 * MIB, one);
      expect(budget.share('a').tryGrow(8 * MIB)).toBe(true);
      const share = budget.share('a');
      share.release();
      await expect(share.wait(MIB)).rejects.toBeInstanceOf(Overloaded);
      expect(budget.waiting).toBe(0);
    });
  });
});
