import { describe, expect, it } from 'vitest';

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
});
