import { describe, expect, it } from 'vitest';

import { InSlices } from '../../lib/http/in-slices';
import { Members } from '../../lib/members';

const things = (count: number): { n: number }[] => Array.from({ length: count }, (_, n) => ({ n }));

describe('Members', () => {
  it('is what a Set is, whatever comes and goes', () => {
    const all = things(20);
    const members = new Members<{ n: number }>();
    const set = new Set<{ n: number }>();
    let state = 7;
    for (let step = 0; step < 5000; step += 1) {
      state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
      const item = all[(state >>> 8) % all.length]!;
      if (state & 0x80) {
        members.add(item);
        set.add(item);
      } else expect(members.delete(item)).toBe(set.delete(item));
      expect(members.size).toBe(set.size);
      expect(members.has(item)).toBe(set.has(item));
      expect(members.oldest).toBe([...set][0]);
      if (step % 50 === 0) expect([...members]).toEqual([...set]);
    }
    members.clear();
    expect([members.size, members.oldest, [...members]]).toEqual([0, undefined, []]);
  });

  it('may change while it is gone through', () => {
    const all = things(4);
    const members = new Members<{ n: number }>();
    for (const item of all) members.add(item);
    const seen: number[] = [];
    for (const item of members) {
      seen.push(item.n);
      members.delete(all[3 - item.n]!);
    }
    expect(seen).toEqual([0, 1, 2, 3]);
    expect(members.size).toBe(0);
  });
});

describe('InSlices', () => {
  it('does everything in its order, in turns of their own', async () => {
    const done: number[] = [];
    let turns = 0;
    const slices = new InSlices<number>((item) => {
      done.push(item);
      const until = performance.now() + 0.5;
      while (performance.now() < until);
    });
    const wanted = Array.from({ length: 40 }, (_, index) => index);
    for (const item of wanted) slices.add(item);
    expect(done).toEqual([]);
    while (done.length < wanted.length) {
      await new Promise((resolve) => setImmediate(resolve));
      turns += 1;
    }
    expect(done).toEqual(wanted);
    expect(turns).toBeGreaterThan(3);
  });
});
